const THEMES = ["", "light", "dark"];
const NAMES = ["as the system", "light", "dark"];
const YEAR = 31_536_000;

/**
 * The button that goes through the colour themes. The choice is a cookie, so that the server's first byte already has it.
 * Announces `themechange` on the document, for whoever draws with the colours.
 * @param {Document} root
 */
export function themeButton(root) {
  const button = root.querySelector("[data-theme-button]");
  if (!(button instanceof HTMLElement)) return;
  let now = Math.max(0, THEMES.indexOf(root.documentElement.dataset.theme ?? ""));
  const show = () => {
    const label = `Colours: ${NAMES[now]}`;
    button.setAttribute("aria-label", label);
    button.title = label;
    for (const icon of button.querySelectorAll("[data-shows]")) {
      icon.toggleAttribute("hidden", icon.getAttribute("data-shows") !== THEMES[now]);
    }
  };
  button.addEventListener("click", () => {
    now = (now + 1) % THEMES.length;
    const theme = THEMES[now] ?? "";
    if (theme) root.documentElement.dataset.theme = theme;
    else delete root.documentElement.dataset.theme;
    root.cookie = `theme=${theme}; path=/; max-age=${theme ? YEAR : 0}; samesite=lax`;
    show();
    root.dispatchEvent(new CustomEvent("themechange"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    root.dispatchEvent(new CustomEvent("themechange"));
  });
  show();
}
