/** What the first rows do without: details, search, menus, help, and the news. It comes when they are painted. */

import "../share.js";
import { createLive } from "../live.js";
import { createBadge } from "./badge.js";
import { createDescription } from "./description.js";
import { createDetails } from "./details.js";
import { find } from "../ui/dom.js";
import { createFilters } from "./filters.js";
import { createFinding } from "./finding.js";
import { createHelp } from "./help.js";
import { createKeeper } from "./keeper.js";
import { createNews } from "./news.js";
import { createSettingsMenu } from "./settings-menu.js";

/** @typedef {ReturnType<typeof createRest>} Rest */

/**
 * @param {object} options
 * @param {import("./main.js").Graph} options.graph
 * @param {string} options.repository its full name
 * @param {HTMLElement} options.panel of the details
 * @param {ReturnType<typeof import("./view.js").createView>} options.view
 * @param {ReturnType<typeof import("./settings.js").createSettings>} options.settings
 * @param {ReturnType<typeof import("./keys.js").createKeys>} options.keys
 * @param {ReturnType<typeof import("./arrivals.js").createArrivals>} options.arrivals
 * @param {ReturnType<typeof import("./list.js").createList>} options.list
 * @param {import("./chips.js").Links} options.links
 * @param {() => string} options.defaultRef
 * @param {() => Promise<number>} options.reopen load again what the server has; as many rows are new above
 * @param {() => void} options.onGrown commits have come on top, or refs have moved
 * @param {() => void} options.onClose the button that closes the details
 * @param {() => void} options.onResize
 */
export function createRest({ graph, repository, panel, view, settings, keys, arrivals, list, links, defaultRef, reopen, onGrown, onClose, onResize }) {
  const { root, api, store } = graph;
  const details = createDetails({
    panel,
    body: find(panel, ".graph-details-body", HTMLElement),
    url: `/${repository}`,
    onClose,
    onGo(oid) {
      graph.select(oid);
      void graph.goTo(oid);
    },
    onResize,
  });
  const filters = createFilters({ menu: find(root, ".graph-filters", HTMLDetailsElement), view, url: `${api}/graph/names`, head: defaultRef, grid: graph.grid });
  const settingsMenu = createSettingsMenu(find(root, ".graph-settings", HTMLDetailsElement), settings, graph.grid);
  const description = createDescription(find(root, "#graph-described", HTMLElement), store);
  const finding = createFinding({ root, repository, graph });
  const help = createHelp({ dialog: find(root, "dialog.graph-help", HTMLDialogElement), button: root.querySelector(".graph-help-button"), keys });
  const refs = { expire: () => [finding, filters].forEach((part) => part.expire()) };
  const news = createNews({ store, arrivals, refs, list, links, reopen, onChange: onGrown });
  const keeper = createKeeper(root, graph.grid);
  const badge = createBadge(find(document, "#live", HTMLElement));
  /** @param {import("../live.js").LiveState} state */
  function onState(state) {
    badge.show(state);
    if (state === "live") details.retry();
  }
  const live = createLive({ path: `${api}/live`, onState, onMessage: news.hear });
  details.show(graph.selected);

  return {
    live,
    details,
    filters,
    settingsMenu,
    description,
    finding,
    help,
    news,

    destroy() {
      for (const part of [live, badge, keeper, news, help, finding, details, filters, settingsMenu, description]) part.destroy();
    },
  };
}
