// A page that was opened from a file may not start the worker that searches the site. Here the same
// script runs in an empty frame of the page instead, with what it expects of a worker.
"use strict";
(() => {
  if (location.protocol !== "file:") return;

  const load = (frame, url) => new Promise((resolve, reject) => {
    const script = frame.contentDocument.createElement("script");
    script.onload = resolve;
    script.onerror = () => reject(new Error(`cannot load ${url}`));
    script.src = new URL(url, document.baseURI).href;
    frame.contentDocument.body.append(script);
  });

  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) =>
        setTimeout(() => this.dispatchEvent(new MessageEvent("message", { data })));
      inside.importScripts = (...urls) => Promise.all(urls.map((one) => load(this.frame, one)));
      this.ready = load(this.frame, url);
    }

    postMessage(data) {
      const inside = this.frame.contentWindow;
      this.ready.then(() => inside.dispatchEvent(new inside.MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
})();
