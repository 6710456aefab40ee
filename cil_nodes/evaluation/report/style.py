"""The style sheet of the report: light and dark, screen and paper."""

STYLE = """
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #17202b; --soft: #5a6673; --rule: #dde2e8;
  --s1: #1f5fbf; --s2: #b8500f; --s3: #3d7a4e; --well: #f0f2f5; --good: #1d6b3c; --bad: #a8321f;
  --shadow: 0 1px 2px rgb(20 30 40 / 6%), 0 4px 16px rgb(20 30 40 / 5%); }
@media (prefers-color-scheme: dark) { :root {
  --page: #11161c; --card: #1a2129; --ink: #e8edf2; --soft: #9aa7b4; --rule: #313b46;
  --s1: #7fb0ff; --s2: #f2a065; --s3: #86cf9b; --well: #222b34; --good: #86cf9b; --bad: #ff9d8a;
  --shadow: none; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 40px 20px 64px; }
header p.kicker { margin: 0; color: var(--soft); letter-spacing: .02em; }
h1 { font-size: 2rem; line-height: 1.2; margin: .15em 0 .4em; letter-spacing: -.015em; }
h2 { font-size: 1.25rem; margin: 0 0 .3em; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 1.4em 0 .4em; }
p { margin: .4em 0 .8em; max-width: 72ch; }
p.summary { font-size: 1.15rem; max-width: 66ch; }
p.lead { color: var(--soft); }
a { color: var(--s1); }
section, .tile { background: var(--card); border: 1px solid var(--rule); border-radius: 12px;
  box-shadow: var(--shadow); }
section { padding: 24px 26px; margin: 22px 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(142px, 1fr)); gap: 12px;
  margin: 26px 0 0; padding: 0; list-style: none; }
.tile { padding: 14px 16px; }
.tile .name { color: var(--soft); font-size: .88rem; }
.tile .value { font-size: 1.6rem; font-weight: 650; letter-spacing: -.02em; line-height: 1.25;
  font-variant-numeric: tabular-nums; }
.tile .goal { font-size: .85rem; color: var(--soft); }
.tile .goal span { display: block; }
.met { color: var(--good); font-weight: 600; } .missed { color: var(--bad); font-weight: 600; }
figure { margin: 14px 0 0; } .pair { display: grid; gap: 18px;
  grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); }
figcaption { color: var(--soft); font-size: .9rem; }
svg { display: block; width: 100%; height: auto; font: 13px system-ui, "Noto Sans", sans-serif; }
svg text { fill: var(--ink); } svg .tick, svg .axis-name { fill: var(--soft); }
svg .axis-name { font-size: 12.5px; } svg .figure { font-size: 17px; font-weight: 650; }
svg .grid { stroke: var(--rule); } svg .axis { stroke: var(--soft); }
svg .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
svg .s1 { stroke: var(--s1); } svg .s2 { stroke: var(--s2); stroke-dasharray: 7 4; }
svg .s3 { stroke: var(--s3); stroke-dasharray: 2 4; }
svg .chance { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 4; }
svg .mark { stroke: var(--card); stroke-width: 1.5; stroke-dasharray: none; }
svg .mark.s1, svg .s1-text { fill: var(--s1); } svg .mark.s2, svg .s2-text { fill: var(--s2); }
svg .mark.s3, svg .s3-text { fill: var(--s3); }
svg .label { font-weight: 600; } svg .fill { fill-opacity: .16; stroke: none; }
svg .s1-fill { fill: var(--s1); } svg .s2-fill { fill: var(--s2); }
svg .goal { stroke: var(--ink); stroke-dasharray: 6 4; } svg .goal-text { fill: var(--ink); }
svg .reference { stroke: var(--soft); stroke-dasharray: 2 3; }
svg .reference-text { fill: var(--soft); }
svg .s1-rule { stroke: var(--s1); } svg .s2-rule { stroke: var(--s2);
  stroke-dasharray: 7 4; }
svg .s1-rule-text { fill: var(--s1); } svg .s2-rule-text { fill: var(--s2); }
svg .well { fill: var(--well); } svg .hit { fill: var(--s1); } svg .miss { fill: var(--s2); }
svg .bound { stroke: var(--rule); }
svg .count { font-size: 10.5px; } svg .on-dark { fill: var(--card); font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .4em; }
.scroll + .scroll { margin-top: 18px; }
th, td { padding: .34em .8em; text-align: right; border-bottom: 1px solid var(--rule); }
th[scope=row], td.words, th.words { text-align: left; }
thead th:first-child { text-align: left; }
thead th { color: var(--soft); font-weight: 600; }
td.shade { background: color-mix(in srgb, var(--s1) var(--heat), transparent); }
code { font: .92em ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace;
  background: var(--well); padding: .1em .35em; border-radius: 5px; overflow-wrap: anywhere; }
details { margin-top: 12px; } summary { cursor: pointer; color: var(--s1); }
ul.gallery { display: grid; gap: 14px; padding: 0; margin: 10px 0 0; list-style: none;
  grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); }
ul.gallery img, ul.gallery .nopicture { width: 100%; aspect-ratio: 4 / 3; object-fit: cover;
  border-radius: 8px; background: var(--well); display: block; }
ul.gallery .nopicture { display: grid; place-items: center; color: var(--soft);
  font-size: .85rem; }
ul.gallery .words { font-size: .86rem; line-height: 1.4; margin-top: 6px; }
ul.gallery .words b { font-weight: 650; } ul.gallery .words span { color: var(--soft); }
footer { color: var(--soft); font-size: .88rem; margin-top: 30px; }
@media print { body { background: #fff; } section, .tile { box-shadow: none;
  break-inside: avoid; } }
"""
