// A page that is one file: its results stand in it.

start();
present(stored("index"), (place) => stored(`query-${place}`));
