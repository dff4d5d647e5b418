// What moves on the page of a report: the map to look around in, and the search. Everything that an image
// says is set as text, never as markup.

enum ReportScript {
  static let text = ##"""
    "use strict";
    (() => {
      const data = JSON.parse(document.getElementById("data").textContent);
      const page = document.documentElement;
      const element = (id) => document.getElementById(id);
      const count = data.names.length;
      page.classList.add("js");

      // The parts: a tree in columns, in which directories come before what is in them.
      const children = Array.from({ length: count }, () => []);
      for (let part = 1; part < count; part += 1) children[data.parents[part]].push(part);
      const isDirectory = (part) => data.directories[part] === 1;
      const chain = (part) => {
        const parts = [part];
        while (parts[0] !== 0) parts.unshift(data.parents[parts[0]]);
        return parts;
      };
      const path = (part) => "/" + chain(part).slice(1).map((at) => data.names[at]).join("/");

      const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
      const size = (bytes) => {
        let value = bytes;
        let unit = 0;
        while (value >= 999.5 && unit < units.length - 1) {
          value /= 1024;
          unit += 1;
        }
        if (unit === 0) return `${bytes} B`;
        const decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
        return `${value.toFixed(decimals)} ${units[unit]}`;
      };
      const percent = (bytes, whole) => (whole > 0 ? `${((100 * bytes) / whole).toFixed(1)} %` : "");

      const make = (name, className, text) => {
        const made = document.createElement(name);
        if (className) made.className = className;
        if (text !== undefined) made.textContent = text;
        return made;
      };
      const makeLink = (text, action) => {
        const link = make("button", "link", text);
        link.type = "button";
        link.addEventListener("click", action);
        return link;
      };

      // What is in a directory, the largest first; what is no part of its own is one thing.
      const contents = (part) => {
        const things = children[part].map((at) => ({ part: at, bytes: data.bytes[at], isRest: false }));
        if (data.otherBytes[part] > 0) {
          things.push({ part, bytes: data.otherBytes[part], isRest: true });
        }
        return things.filter((thing) => thing.bytes > 0).sort((a, b) => b.bytes - a.bytes);
      };
      const title = (thing) => {
        if (thing.isRest) return `${data.others[thing.part]} more`;
        return data.names[thing.part] + (isDirectory(thing.part) ? "/" : "");
      };
      const layer = (part) => {
        const whole = data.layerBytes[part] >= data.bytes[part];
        const share = whole ? "" : ` (${percent(data.layerBytes[part], data.bytes[part])})`;
        return `layer ${data.layers[part]}${share}`;
      };
      const explanation = (thing) => {
        const place = thing.isRest ? `${title(thing)} in ${path(thing.part)}` : path(thing.part);
        const origin = thing.isRest ? "" : `, ${layer(thing.part)}`;
        return `${place}: ${size(thing.bytes)}, ${percent(thing.bytes, data.bytes[0])} of all${origin}`;
      };

      // A squarified treemap, after Bruls, Huizing and van Wijk (2000): rows along the shorter side,
      // each as long as its rectangles get no narrower.
      const layOut = (things, box) => {
        const boxes = [];
        let { x, y, w, h } = box;
        let total = things.reduce((sum, thing) => sum + thing.bytes, 0);
        let start = 0;
        while (start < things.length && w > 0 && h > 0) {
          const scale = (w * h) / total;
          const side = Math.min(w, h);
          let end = start;
          let area = 0;
          let worst = Infinity;
          while (end < things.length) {
            const next = area + things[end].bytes * scale;
            const square = (next * next) / (side * side);
            const ratio = Math.max(
              (things[start].bytes * scale) / square,
              square / (things[end].bytes * scale),
            );
            if (ratio > worst) break;
            worst = ratio;
            area = next;
            end += 1;
          }
          const depth = area / side;
          let along = 0;
          for (; start < end; start += 1) {
            const length = (things[start].bytes * scale) / depth;
            boxes.push(
              w >= h
                ? { x, y: y + along, w: depth, h: length }
                : { x: x + along, y, w: length, h: depth },
            );
            along += length;
            total -= things[start].bytes;
          }
          if (w >= h) {
            x += depth;
            w -= depth;
          } else {
            y += depth;
            h -= depth;
          }
        }
        return boxes;
      };

      let current = 0;
      let hits = null;
      const tiles = element("tiles");

      const makeTile = (thing, box, level, isFrame) => {
        const { part } = thing;
        const opens = isDirectory(part) && !thing.isRest;
        const tile = make(opens ? "button" : "div", "tile");
        tile.classList.toggle("frame", isFrame);
        tile.classList.toggle("rest", thing.isRest);
        tile.classList.toggle("dim", hits !== null && (thing.isRest || !hits[part]));
        tile.style.left = `${box.x}px`;
        tile.style.top = `${box.y}px`;
        tile.style.width = `${box.w}px`;
        tile.style.height = `${box.h}px`;
        if (!thing.isRest) tile.style.setProperty("--h", data.hues[data.layers[part]]);
        tile.title = explanation(thing);
        tile.setAttribute("aria-label", explanation(thing));
        if (box.w > 40 && box.h > 17) {
          tile.append(make("span", "name", title(thing)));
          if (isFrame ? box.w > 130 : box.w > 62 && box.h > 34) tile.append(make("span", "size", size(thing.bytes)));
        }
        if (opens) {
          tile.type = "button";
          // The list below has every directory; here those of the first level are enough to go through.
          tile.tabIndex = level === 0 ? 0 : -1;
          tile.addEventListener("click", () => show(part, true));
        } else {
          tile.setAttribute("role", "img");
        }
        return tile;
      };

      const draw = (part, box, level) => {
        const things = contents(part);
        const boxes = layOut(things, box);
        boxes.forEach((place, at) => {
          const thing = things[at];
          if (place.w < 3 || place.h < 3) return;
          const isFrame =
            !thing.isRest && children[thing.part].length > 0 && level < 3 && place.w > 70 && place.h > 50;
          tiles.append(makeTile(thing, place, level, isFrame));
          if (!isFrame) return;
          const inside = { x: place.x + 4, y: place.y + 20, w: place.w - 8, h: place.h - 24 };
          draw(thing.part, inside, level + 1);
        });
      };

      const drawMap = () => {
        tiles.replaceChildren();
        draw(current, { x: 0, y: 0, w: tiles.clientWidth, h: tiles.clientHeight }, 0);
      };

      const showCrumbs = () => {
        const crumbs = chain(current).map((part) => {
          const item = make("li");
          const link = makeLink(part === 0 ? "/" : data.names[part], () => show(part, true));
          if (part === current) {
            link.setAttribute("aria-current", "location");
            link.id = "here";
          }
          item.append(link);
          return item;
        });
        element("crumbs").replaceChildren(...crumbs);
      };

      const makeRow = (thing) => {
        const row = make("tr");
        const name = make("td", "path");
        if (isDirectory(thing.part) && !thing.isRest) {
          name.append(makeLink(title(thing), () => show(thing.part, true)));
        } else {
          name.textContent = title(thing);
        }
        const share = make("td", "share");
        const bar = make("div", "bar");
        const filled = make("i");
        filled.style.width = `${(100 * thing.bytes) / data.bytes[current]}%`;
        bar.append(filled);
        share.append(bar);
        const origin = make("td", "nowrap");
        if (!thing.isRest) {
          const swatch = make("span", "swatch");
          swatch.style.setProperty("--h", data.hues[data.layers[thing.part]]);
          origin.append(swatch, layer(thing.part));
        }
        const shareText = percent(thing.bytes, data.bytes[current]);
        row.append(
          name,
          make("td", "number", size(thing.bytes)),
          make("td", "number", shareText),
          share,
          origin,
        );
        return row;
      };

      const show = (part, isAsked) => {
        current = part;
        showCrumbs();
        drawMap();
        element("contents").replaceChildren(...contents(part).map(makeRow));
        element("status").textContent = `${path(part)}: ${size(data.bytes[part])}`;
        if (isAsked) element("here").focus();
      };

      element("map").addEventListener("keydown", (event) => {
        if ((event.key !== "Escape" && event.key !== "Backspace") || current === 0) return;
        event.preventDefault();
        show(data.parents[current], true);
      });

      // Searching: rows of all tables, and the parts of the map.
      const rows = Array.from(document.querySelectorAll("tr[data-row]"), (row) => ({
        row,
        text: row.textContent.toLowerCase(),
      }));
      const paths = Array.from({ length: count }, (_, part) => path(part).toLowerCase());
      const foundLimit = 100;

      const find = () => {
        const wanted = element("search").value.trim().toLowerCase();
        for (const { row, text } of rows) row.hidden = !text.includes(wanted);
        for (const note of document.querySelectorAll("[data-rows]")) {
          const all = element(note.dataset.rows).querySelectorAll("tr[data-row]");
          const shown = Array.from(all).filter((row) => !row.hidden).length;
          note.textContent = wanted === "" ? "" : `${shown} of ${all.length} rows match`;
        }
        const found = [];
        hits = wanted === "" ? null : new Array(count).fill(false);
        for (let part = count - 1; part > 0 && hits !== null; part -= 1) {
          if (paths[part].includes(wanted)) {
            hits[part] = true;
            found.push(part);
          }
          if (hits[part]) hits[data.parents[part]] = true;
        }
        found.sort((a, b) => data.bytes[b] - data.bytes[a]);
        element("found").hidden = wanted === "";
        element("found-count").textContent =
          found.length > foundLimit ? `${found.length} places, the largest ${foundLimit} of them`
          : found.length === 1 ? "1 place" : `${found.length} places`;
        const items = found.slice(0, foundLimit).map((part) => {
          const item = make("li", "mono");
          const target = isDirectory(part) ? part : data.parents[part];
          const link = makeLink(path(part), () => show(target, true));
          item.append(link, make("span", "", size(data.bytes[part])));
          return item;
        });
        element("found-list").replaceChildren(...items);
        drawMap();
      };

      let timer = 0;
      element("search").addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(find, 120);
      });

      let width = 0;
      new ResizeObserver(() => {
        if (tiles.clientWidth === width) return;
        width = tiles.clientWidth;
        drawMap();
      }).observe(tiles);

      show(0, false);
      page.dataset.ready = "true";
    })();

    """##
}
