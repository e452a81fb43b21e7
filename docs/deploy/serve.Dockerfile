# A service that answers from an index: docs/how_to/service.md explains it.
#
#   docker build -f docs/deploy/serve.Dockerfile -t bovw-serve .
FROM python:3.12-slim

COPY pyproject.toml README.md LICENSE /src/
COPY bovw /src/bovw
# The versions that pip chooses are those of the day: build once, and run this image everywhere.
RUN pip install --no-cache-dir '/src[web]'
COPY docs/deploy/healthy.py /usr/local/lib/bovw/healthy.py

# A number, so that Kubernetes can see that it is not root (runAsNonRoot). It owns no file.
USER 10001
# Nothing is written but temporary files, so all else may be read-only.
ENV HOME=/tmp PYTHONUNBUFFERED=1
EXPOSE 8000
# BOVW_TOKEN must be set when the container starts: without it the server refuses to listen.
CMD ["bovw", "serve", "/index/photos.bovw", "--host", "0.0.0.0", "--port", "8000"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "/usr/local/lib/bovw/healthy.py", "8000"]
