/**
 * From how many seconds on a unit is used, and how long it is: two of a large one say more than one.
 * @type {[number, number, string][]}
 */
const UNITS = [
  [2 * 31_556_952, 31_556_952, "year"],
  [2 * 2_629_746, 2_629_746, "month"],
  [86_400, 86_400, "day"],
  [3_600, 3_600, "hour"],
  [60, 60, "minute"],
];
const EVERY = 30_000;

/**
 * `3 minutes ago`, `in 2 days`, `just now`: as the server words it.
 * @param {number} seconds Unix time
 * @param {number} [now] Unix time
 */
export function relative(seconds, now = Date.now() / 1000) {
  const distance = Math.abs(now - seconds);
  for (const [threshold, size, unit] of UNITS) {
    if (distance < threshold) continue;
    const number = Math.floor(distance / size);
    const text = `${number} ${unit}${number === 1 ? "" : "s"}`;
    return now > seconds ? `${text} ago` : `in ${text}`;
  }
  return "just now";
}

/**
 * Keeps every `<time datetime>` below `root` true, with the visitor's own time on hover.
 * @param {Document} root
 */
export function relativeTimes(root) {
  const refresh = () => {
    if (root.hidden) return;
    for (const element of root.querySelectorAll("time[datetime]")) {
      const at = Date.parse(element.getAttribute("datetime") ?? "");
      if (Number.isNaN(at)) continue;
      const text = relative(at / 1000);
      if (element.textContent !== text) element.textContent = text;
      if (element instanceof HTMLElement && !element.dataset.local) {
        element.dataset.local = "true";
        element.title = new Date(at).toLocaleString(undefined, { dateStyle: "long", timeStyle: "short" });
      }
    }
  };
  refresh();
  setInterval(refresh, EVERY);
  root.addEventListener("visibilitychange", refresh);
}
