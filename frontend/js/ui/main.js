/** What every page has. Each module improves something that works without it. */
import { copyButtons } from "./copy.js";
import { closingMenus } from "./menu.js";
import { themeButton } from "./theme.js";
import { relativeTimes } from "./times.js";
import { confirmations } from "./confirm.js";

document.documentElement.dataset.js = "";
copyButtons(document);
closingMenus(document);
themeButton(document);
relativeTimes(document);
confirmations(document);
// On a telephone there is no room for all tabs: the one that one is in is in sight.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
