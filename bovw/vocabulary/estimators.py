"""What our estimators need to behave as scikit-learn's."""

from __future__ import annotations

from typing import Any

from sklearn.exceptions import NotFittedError as SklearnNotFittedError
from sklearn.utils.validation import validate_data

from ..errors import NotFittedError, SettingsError


class UnfittedError(NotFittedError, SklearnNotFittedError):  # type: ignore[misc]
    """An estimator was used before ``fit``; scikit-learn's error and ours in one."""


class NoNumbersError(SettingsError, TypeError):
    """Data are no numbers: a TypeError, as of scikit-learn, and our error in one."""


def validated(estimator: Any, X: Any, *, reset: bool, **checks: Any) -> Any:
    """Check and convert data as scikit-learn does, and note or compare names and number of columns.

    Parameters
    ----------
    estimator : BaseEstimator
    X : array-like, data frame or sparse matrix
    reset : bool
        Whether the columns are noted (in ``fit``) or compared with those that were noted.
    **checks
        Arguments of `sklearn.utils.check_array`.

    Raises
    ------
    SettingsError
        With the words of scikit-learn.
    """
    try:
        return validate_data(estimator, X, reset=reset, **checks)
    except TypeError as error:
        raise NoNumbersError(str(error)) from error
    except (ValueError, OverflowError) as error:
        raise SettingsError(str(error)) from error
