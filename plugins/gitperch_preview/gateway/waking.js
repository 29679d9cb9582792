// The page of an app that is not up keeps itself true, and makes way for the app when that is there.
"use strict";

(() => {
  /** @typedef {{seen: string, ready: boolean, title: string, text: string, mark: string, kind: string, lines: string[]}} News */

  /** @param {string} id */
  const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const state = element("state");
  const log = element("log");
  const title = /** @type {HTMLElement} */ (document.querySelector("h1"));
  const began = Date.now();

  /** @param {number} milliseconds */
  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  /** @param {News} news */
  function show(news) {
    state.dataset.seen = news.seen;
    state.className = news.kind;
    if (title.textContent !== news.title) title.textContent = document.title = news.title;
    element("mark").textContent = news.mark;
    element("text").textContent = news.text;
    // Whoever reads further up keeps the place.
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    log.hidden = !news.lines.length;
    log.textContent = news.lines.join("\n");
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  async function follow() {
    for (;;) {
      try {
        const answer = await fetch(`/.gitperch/state?seen=${state.dataset.seen ?? ""}`, { cache: "no-store" });
        // Not a preview of this kind any more, or not for this visitor: the page itself says it better.
        if (!answer.ok || answer.redirected) return location.reload();
        const news = /** @type {News} */ (await answer.json());
        if (news.ready) return location.reload();
        // Nothing new, sooner than the server would usually say so: it has much to do.
        if (news.seen === state.dataset.seen) await pause(1000);
        show(news);
      } catch {
        await pause(1000);
      }
    }
  }

  function count() {
    const seconds = Math.round((Date.now() - began) / 1000);
    if (seconds > 1) element("time").textContent = seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  }

  log.scrollTop = log.scrollHeight;
  if (state.dataset.seen) {
    setInterval(count, 1000);
    follow();
  }
})();
