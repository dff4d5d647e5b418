// How the page of a report looks: light and dark, on a screen and on paper. Nothing is loaded: fonts are
// those of the reader's system.

enum ReportStyle {
  /// The colour of a layer, as an angle on the wheel of hues: far from those of the layers beside it.
  static func hue(ofLayer number: Int) -> Int {
    let first = [250, 150, 75, 15, 310, 195, 110, 280, 45, 345]
    // The golden angle, which comes back to no hue for long.
    return number < first.count ? first[number] : (250 + number * 137) % 360
  }

  static let text = page + map + other

  private static let page = """
    :root {
      color-scheme: light dark;
      --back: #f5f6f8; --surface: #ffffff; --text: #1b1f24; --muted: #5d6570; --line: #e1e4e9;
      --accent: #2563c9; --waste: #c2410c; --bar: #dfe3ea;
      --tile-light: 0.86; --tile-chroma: 0.085; --tile-text: #16191d; --frame: #eceef2;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --back: #101317; --surface: #181c22; --text: #e5e8ec; --muted: #9aa3ae; --line: #2a3038;
        --accent: #7fb0ff; --waste: #ff9a6b; --bar: #2c333d;
        --tile-light: 0.43; --tile-chroma: 0.085; --tile-text: #f2f4f6; --frame: #20252c;
      }
    }
    * { box-sizing: border-box; }
    [hidden] { display: none !important; }
    html { scroll-padding-top: 4.5rem; }
    body {
      margin: 0; background: var(--back); color: var(--text);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "DejaVu Sans",
        sans-serif;
    }
    .bar-top {
      position: sticky; top: 0; z-index: 2; background: var(--surface);
      border-bottom: 1px solid var(--line);
    }
    .bar-top > div {
      max-width: 1280px; margin: 0 auto; padding: 0.6rem 1.25rem; display: flex; flex-wrap: wrap;
      align-items: center; gap: 0.4rem 1.25rem;
    }
    nav a { color: var(--muted); text-decoration: none; margin-right: 0.9rem; }
    nav a:hover { color: var(--text); text-decoration: underline; }
    .bar-top input {
      margin-left: auto; width: 22rem; max-width: 100%; padding: 0.4rem 0.7rem; font: inherit;
      color: inherit; background: var(--back); border: 1px solid var(--line); border-radius: 7px;
    }
    main { max-width: 1280px; margin: 0 auto; padding: 0.5rem 1.25rem 3rem; }
    h1 { font-size: 1.5rem; line-height: 1.25; margin: 1.4rem 0 0.2rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.15rem; margin: 0; }
    section { margin-top: 2rem; }
    .head { display: flex; align-items: baseline; gap: 0.8rem; margin-bottom: 0.6rem; }
    .muted, .facts { color: var(--muted); }
    .facts { margin: 0; overflow-wrap: anywhere; }
    .facts span { margin-right: 1.2rem; }
    .mono, td.path, td.command { font-family: ui-monospace, "DejaVu Sans Mono", "Liberation Mono",
      Menlo, Consolas, monospace; font-size: 0.86em; }
    .cards { display: grid; gap: 0.8rem; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr));
      margin-top: 1.1rem; }
    .card { background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
      padding: 0.75rem 1rem; }
    .card b { display: block; font-size: 1.5rem; line-height: 1.3; font-weight: 650;
      font-variant-numeric: tabular-nums; }
    .card span { color: var(--muted); font-size: 0.9rem; }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

    """

  private static let map = """
    #tiles { position: relative; height: min(62vh, 620px); min-height: 320px; overflow: hidden;
      background: var(--frame); border: 1px solid var(--line); border-radius: 10px; }
    .tile {
      position: absolute; overflow: hidden; margin: 0; padding: 1px 5px; text-align: left;
      display: flex; flex-direction: column; align-items: stretch; justify-content: flex-start;
      font: 12px/1.35 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
      color: var(--tile-text); background: hsl(var(--h) 45% 70%);
      border: 1px solid var(--surface); border-radius: 3px;
    }
    .swatch { display: inline-block; width: 0.95em; height: 0.95em; margin-right: 0.45em;
      border-radius: 3px; vertical-align: -0.12em; background: hsl(var(--h) 45% 70%);
      border: 1px solid var(--muted); }
    @media (prefers-color-scheme: dark) {
      .tile, .swatch { background: hsl(var(--h) 35% 32%); }
    }
    @supports (color: oklch(0.5 0.1 120)) {
      .tile, .swatch { background: oklch(var(--tile-light) var(--tile-chroma) var(--h)); }
    }
    .tile.frame { flex-direction: row; background: var(--frame); color: var(--text);
      border-color: var(--line); }
    .tile.rest { background: var(--bar); color: var(--muted); }
    .tile.dim { opacity: 0.22; }
    button.tile { cursor: pointer; }
    button.tile:hover { filter: brightness(1.06); }
    button.tile:focus-visible { outline-offset: -3px; z-index: 1; }
    .tile span { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
      unicode-bidi: isolate; }
    .tile .size { opacity: 0.75; }
    .tile.frame .size { margin-left: 0.5em; }
    #crumbs { list-style: none; display: flex; flex-wrap: wrap; gap: 0.15rem; margin: 0 0 0.5rem;
      padding: 0; }
    #crumbs li + li::before { content: "\\203A"; color: var(--muted); margin: 0 0.25rem; }
    .link { border: 0; padding: 0 0.15rem; background: none; font: inherit; color: var(--accent);
      cursor: pointer; text-align: left; overflow-wrap: anywhere; }
    .link:hover { text-decoration: underline; }
    .link[aria-current] { color: var(--text); font-weight: 600; cursor: default; }
    .legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; margin: 0.6rem 0 0; padding: 0;
      list-style: none; font-size: 0.9rem; color: var(--muted); }
    .js .without-script, .with-script { display: none; }
    .js .with-script { display: block; }
    .js input.with-script { display: inline-block; }

    """

  private static let other = """
    .scroll { overflow-x: auto; background: var(--surface); border: 1px solid var(--line);
      border-radius: 10px; }
    table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
    th, td { padding: 0.38rem 0.9rem; text-align: left; vertical-align: top;
      border-top: 1px solid var(--line); }
    thead td { border-top: 0; }
    thead th { border-top: 0; color: var(--muted); font-weight: 600; font-size: 0.85rem;
      white-space: nowrap; }
    td.number, th.number { text-align: right; white-space: nowrap; }
    td.number, td.nowrap, td.share { width: 1%; }
    td.path, td.command { overflow-wrap: anywhere; unicode-bidi: isolate; line-height: 1.6; }
    td.command { white-space: pre-wrap; min-width: 16rem; }
    td.wasted { color: var(--waste); }
    td.nowrap { white-space: nowrap; }
    .bar { display: flex; width: 9rem; height: 0.6rem; margin-top: 0.45rem; border-radius: 3px;
      overflow: hidden; background: var(--bar); }
    .bar i { display: block; background: var(--accent); opacity: 0.75; }
    .bar i.lost { background: var(--waste); opacity: 1; }
    .found { list-style: none; margin: 0; padding: 0.4rem 0.9rem; max-height: 15rem; overflow-y: auto;
      background: var(--surface); border: 1px solid var(--line); border-radius: 10px; }
    .found li { display: flex; justify-content: space-between; gap: 1rem; }
    .found span { white-space: nowrap; color: var(--muted); }
    footer { max-width: 1280px; margin: 0 auto; padding: 0 1.25rem 2rem; color: var(--muted);
      font-size: 0.9rem; }
    @media print {
      .bar-top, .with-script { display: none !important; }
      .js .without-script { display: block; }
      body { background: none; }
    }

    """
}
