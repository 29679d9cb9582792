/** What every page has. Each module improves something that works without it. */
import { copyButtons } from "./copy.js";
import { closingMenus } from "./menu.js";
import { themeButton } from "./theme.js";
import { relativeTimes } from "./times.js";
import { confirmations } from "./confirm.js";

copyButtons(document);
closingMenus(document);
themeButton(document);
relativeTimes(document);
confirmations(document);
const tabs = document.querySelector(".tabs");
if (tabs) {
  // On a telephone there is no room for all tabs: the one that one is in is in sight. Told of its size, one need not ask for it, which costs a layout.
  new ResizeObserver((_, once) => {
    once.disconnect();
    tabs.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }).observe(tabs);
}
