/* What a page gains where scripts run: a list of all pages, search, sorting, tables as CSV, figures at full size.

Everything is in the page without it. It works from a file: what it knows of the other pages is in pages.js beside it,
which sets window.PAGES, and nothing is fetched. Texts are inserted as texts, never as HTML.
*/
"use strict";
(() => {
  const pages = window.PAGES || [];
  const here = decodeURIComponent(location.pathname.split("/").pop() || "index.html").replace(/\.html$/, "");
  const main = document.querySelector("main");
  const bar = document.querySelector(".bar");

  /** An element with attributes and children; a child that is a text stays a text. */
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const address = (name) => `${encodeURIComponent(name)}.html`;
  const words = (text) => text.replace(/\s+/g, " ").trim();

  /* ---- The list of pages, by paper */

  function link(page, text) {
    const found = make("a", { href: address(page.name) }, text);
    if (page.name === here) found.setAttribute("aria-current", "page");
    return found;
  }

  function listed(of) {
    const list = make("ul", {});
    const notebooks = grouped(of);
    for (const several of notebooks.values()) {
      if (several.length === 1) {
        const [page] = several;
        list.append(make("li", {}, link(page, page.variant ? `${page.title}: ${page.variant}` : page.title)));
        continue;
      }
      const inner = make("ul", {}, ...several.map((page) => make("li", {}, link(page, page.variant || page.title))));
      const fold = make("details", {}, make("summary", {}, `${several[0].title} (${several.length})`), inner);
      fold.open = several.some((page) => page.name === here);
      list.append(make("li", {}, fold));
    }
    return list;
  }

  function grouped(of) {
    const groups = new Map();
    for (const page of of) groups.set(page.notebook, [...(groups.get(page.notebook) || []), page]);
    return groups;
  }

  function sidebar() {
    const panel = make("aside", { id: "pages", "aria-label": "All pages" });
    const box = make("input", { type: "search", placeholder: "Search all pages ( / )", "aria-label": "Search all pages" });
    const results = make("div", { role: "status", class: "results" });
    const lists = make("nav", { "aria-label": "Pages by paper" });
    lists.append(make("ul", {}, make("li", {}, link({ name: "index" }, "Scorecard"))));
    for (const paper of new Set(pages.map((page) => page.paper))) {
      lists.append(make("h2", {}, paper), listed(pages.filter((page) => page.paper === paper)));
    }
    panel.append(box, results, lists);
    const toggle = make("button", { type: "button", "aria-expanded": "false", "aria-controls": "pages" }, "Pages");
    const show = (open) => {
      document.body.classList.toggle("with-pages", open);
      toggle.setAttribute("aria-expanded", String(open));
    };
    toggle.addEventListener("click", () => {
      show(toggle.getAttribute("aria-expanded") === "false");
      if (document.body.classList.contains("with-pages")) box.focus();
    });
    box.addEventListener("input", () => {
      lists.hidden = box.value.trim().length > 1;
      results.replaceChildren(...(lists.hidden ? hits(box.value) : []));
    });
    document.addEventListener("keydown", (event) => {
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        show(true);
        box.focus();
      } else if (event.key === "Escape" && document.body.classList.contains("with-pages")) {
        show(false);
        toggle.focus();
      }
    });
    bar.querySelector("nav").append(toggle);
    bar.after(panel);
    const current = panel.querySelector("[aria-current]");
    if (current) panel.scrollTop = current.offsetTop - panel.clientHeight / 2;
  }

  /* ---- Search: sections that hold every word, those with one in the heading first, at most 40 */

  function hits(query) {
    const wanted = query.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (const page of pages) {
      const title = page.variant ? `${page.title}: ${page.variant}` : page.title;
      for (const [heading, anchor, text] of page.sections) {
        const head = `${title} ${heading}`.toLowerCase();
        const all = `${head} ${text.toLowerCase()}`;
        if (!wanted.every((word) => all.includes(word))) continue;
        const weight = wanted.filter((word) => head.includes(word)).length;
        found.push({ page, title, heading, anchor, text, weight });
      }
    }
    found.sort((one, other) => other.weight - one.weight);
    const shown = found.slice(0, 40).map(({ page, title, heading, anchor, text }) => {
      const at = Math.max(0, text.toLowerCase().indexOf(wanted[0]) - 40);
      const to = address(page.name) + (anchor ? `#${anchor}` : "");
      const excerpt = text.slice(at, at + 130);
      return make("li", {}, make("a", { href: to }, heading && heading !== title ? `${title}: ${heading}` : title),
        make("small", {}, ` ${at ? "…" : ""}${excerpt}${at + 130 < text.length ? "…" : ""}`));
    });
    const count = found.length > shown.length ? `the first ${shown.length} of ${found.length}` : String(found.length);
    return [make("p", {}, found.length ? `Sections found: ${count}` : "Nothing found."), make("ol", {}, ...shown)];
  }

  /* ---- Previous and next page; what the page was made from */

  function turning() {
    const at = pages.findIndex((page) => page.name === here);
    if (at < 0) return;
    const turn = make("nav", { class: "turn", "aria-label": "Previous and next page" });
    for (const [step, rel, sign] of [[-1, "prev", "←"], [1, "next", "→"]]) {
      const page = pages[at + step];
      if (!page) continue;
      const title = page.variant ? `${page.title}: ${page.variant}` : page.title;
      turn.append(make("a", { href: address(page.name), rel }, step < 0 ? `${sign} ${title}` : `${title} ${sign}`));
    }
    main.append(turn);
    facts(pages[at]);
  }

  function facts(page) {
    const list = document.querySelector("footer dl");
    const fact = (term, ...content) => list.append(make("div", {}, make("dt", {}, term), make("dd", {}, ...content)));
    fact("Executed", make("a", { href: `${encodeURIComponent(page.name)}.ipynb` }, `${page.name}.ipynb`));
    if (page.results) fact("Tables", make("a", { href: `../../${page.results}` }, page.results));
    if (page.stage) fact("Run again", make("code", {}, `dvc repro -s ${page.stage}`));
    const read = pages.filter((other) => page.reads.includes(other.name));
    const links = read.flatMap((other) => [link(other, other.variant ? `${other.title}: ${other.variant}` : other.title), "; "]);
    if (links.length) fact("Made from", ...links.slice(0, -1));
  }

  /* ---- Tables: sorted by a column, copied as CSV */

  const shownText = (cell) => {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll("details, button.sort > span").forEach((each) => each.remove());
    copy.querySelectorAll("br").forEach((each) => each.replaceWith(" "));
    return words(copy.textContent).replace(/\u2212/g, "-");
  };

  function number(text) {
    const found = text.match(/^[+-]?(\d[\d,]*\.?\d*|\.\d+)(e[+-]?\d+)?/i);
    return found ? Number(found[0].replace(/,/g, "")) : NaN;
  }

  function compare(one, other) {
    const [a, b] = [number(one), number(other)];
    if (!Number.isNaN(a) && !Number.isNaN(b)) return a - b;
    if (Number.isNaN(a) !== Number.isNaN(b)) return Number.isNaN(a) ? 1 : -1;
    return one.localeCompare(other, "en");
  }

  const absent = (text) => /^(|–|—|nan|None)$/.test(text);
  const isGroup = (row) => row.cells.length === 1 && row.cells[0].colSpan > 1;

  function sorting(table) {
    const head = table.tHead?.rows[table.tHead.rows.length - 1];
    const spans = [...table.querySelectorAll("tbody :is(td, th)")];
    if (!head || table.matches(".overview") || spans.some((cell) => cell.rowSpan > 1)) return;
    const bodies = [...table.tBodies].map((body) => ({
      body, group: [...body.rows].filter(isGroup), rows: [...body.rows].filter((row) => !isGroup(row)),
    }));
    const regular = ({ group, rows }) => rows.every((row) => row.cells.length === head.cells.length)
      && group.every((row) => row === row.parentNode.rows[0]);
    if (!bodies.every(regular) || !bodies.some(({ rows }) => rows.length > 1)) return;
    [...head.cells].forEach((cell, column) => {
      if (!words(cell.textContent)) return;
      const sign = make("span", { "aria-hidden": "true" });
      const button = make("button", { type: "button", class: "sort" }, ...cell.childNodes, sign);
      cell.append(button);
      button.addEventListener("click", () => {
        const was = cell.getAttribute("aria-sort");
        const now = was === "ascending" ? "descending" : was === "descending" ? null : "ascending";
        for (const each of head.cells) each.removeAttribute("aria-sort");
        if (now) cell.setAttribute("aria-sort", now);
        for (const { body, group, rows } of bodies) {
          const keyed = rows.map((row) => [shownText(row.cells[column]), row]);
          const ordered = now ? [...keyed].sort(order(now)) : keyed;
          body.append(...group, ...ordered.map(([, row]) => row));
        }
      });
    });
  }

  const order = (direction) => ([one], [other]) => {
    if (absent(one) || absent(other)) return Number(absent(one)) - Number(absent(other));
    return direction === "ascending" ? compare(one, other) : compare(other, one);
  };

  function csv(table) {
    const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
    const groups = [...table.tBodies].some((body) => body.rows[0] && isGroup(body.rows[0]));
    const lines = [];
    const covered = []; // by column: rows below that a cell still reaches into
    let group = "";
    for (const row of table.rows) {
      if (groups && row.parentNode !== table.tHead && isGroup(row)) {
        group = shownText(row.cells[0]);
        continue;
      }
      const fields = groups ? [row.parentNode === table.tHead ? "group" : group] : [];
      let column = 0;
      const skip = () => {
        for (; covered[column] > 0; column += 1) {
          covered[column] -= 1;
          fields.push("");
        }
      };
      for (const cell of row.cells) {
        skip();
        fields.push(shownText(cell), ...Array(cell.colSpan - 1).fill(""));
        for (let n = 0; n < cell.colSpan; n += 1) covered[column + n] = cell.rowSpan - 1;
        column += cell.colSpan;
      }
      skip();
      lines.push(fields.map(quoted).join(","));
    }
    return `${lines.join("\n")}\n`;
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { // not allowed for files in some browsers
      const area = make("textarea", { "aria-hidden": "true", class: "unseen" });
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  }

  function copying(table) {
    const frame = table.closest(".scroll") || table;
    const button = make("button", { type: "button", class: "copy" }, "copy as CSV");
    button.addEventListener("click", async () => {
      button.textContent = (await copy(csv(table))) ? "copied" : "the browser does not allow copying";
      setTimeout(() => { button.textContent = "copy as CSV"; }, 2000);
    });
    frame.before(button);
  }

  /* ---- Figures at the size they were drawn */

  function enlarging() {
    const dialog = make("dialog", { class: "full", "aria-label": "Figure at full size" });
    const close = make("button", { type: "button" }, "Close");
    const place = make("div", {});
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.append(close, place);
    document.body.append(dialog);
    for (const image of main.querySelectorAll(".figure img, figure > img")) {
      const button = make("button", { type: "button", class: "enlarge", "aria-label": `Full size: ${image.alt}` });
      image.replaceWith(button);
      button.append(image);
      button.addEventListener("click", () => {
        place.replaceChildren(make("img", { src: image.src, alt: image.alt }));
        dialog.showModal();
      });
    }
  }

  if (pages.length) {
    sidebar();
    turning();
  }
  for (const table of main.querySelectorAll("table")) {
    if (table.querySelectorAll("tbody tr").length < 2 || table.parentElement.closest("table")) continue;
    copying(table);
    sorting(table);
  }
  enlarging();
})();
