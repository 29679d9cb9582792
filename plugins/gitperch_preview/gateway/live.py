"""What makes a page of an app that is not up turn into the app by itself."""

from __future__ import annotations

from pathlib import Path

from gitperch_preview.notices import Life

_STYLE = """:root{--amber:oklch(.56 .12 65);--green:oklch(.52 .13 150);--red:oklch(.53 .18 27)}
@media(prefers-color-scheme:dark){:root{--amber:oklch(.8 .12 75);--green:oklch(.78 .14 150);--red:oklch(.72 .15 25)}}
#state{display:flex;gap:.6rem;align-items:baseline;font-size:.875rem;font-variant-numeric:tabular-nums}
#state span:nth-child(2){flex:1;min-width:0}
#mark{width:1.1em;text-align:center}
.busy #mark{color:var(--amber);animation:turn 2.4s linear infinite}
.well #mark{color:var(--green)}.failed #mark{color:var(--red)}
@keyframes turn{to{transform:rotate(1turn)}}
@media(prefers-reduced-motion:reduce){.busy #mark,main:has(.asleep) svg path{animation:none!important}}
svg{overflow:visible}
svg circle:last-of-type{transform-box:fill-box;transform-origin:center;transition:transform .3s}
main:has(.asleep) svg circle:last-of-type{transform:scaleY(.25)}
main:has(.asleep) svg path:nth-of-type(2){transform-box:fill-box;transform-origin:50% 100%;animation:breathe 4s ease-in-out infinite}
@keyframes breathe{50%{transform:scale(1.05)}}
#log{margin:0 0 1rem;height:15.5rem;overflow:auto;padding:.6rem .85rem;background:var(--raised);color:var(--soft);
border:1px solid var(--line);border-radius:6px;font-size:.75rem;scrollbar-width:thin}
#log[hidden]{display:none}
#log:focus-visible{outline:2px solid var(--water);outline-offset:2px}
"""
_AGAIN = '<noscript><meta http-equiv="refresh" content="3"></noscript>'

STILL = Life(style=_STYLE)
"""For a page that stays as it is."""
LIFE = Life(_STYLE, (Path(__file__).parent / "waking.js").read_text("utf-8"), _AGAIN)
