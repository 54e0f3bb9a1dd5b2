/* Fathom: what the script adds to pages that are complete without it.
 *
 * Sorting and filtering of real tables, copy buttons, the gallery, and interactive charts and views in space, which load
 * Vega and three.js only when one is opened.
 * A classic deferred script and not a module, because browsers refuse modules to pages opened from disk.
 * It holds no words: labels and messages stand in the page's data attributes, where they are translated.
 */
(() => {
  "use strict";

  const { lang } = document.documentElement;
  /** Where files stand that all languages share. */
  const HOME = document.querySelector('meta[name="fathom-home"]').content;
  const shared = (script) => import(new URL(`${HOME}assets/${script}`, document.baseURI));
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // ---- sorting -----------------------------------------------------------------------------------------------------

  const sortKey = (row, column, numeric) => {
    const cell = row.cells[column];
    if (!cell) return null;
    const text = cell.dataset.value ?? (numeric ? "" : cell.textContent.trim());
    if (text === "") return null;
    if (!numeric) return text;
    const number = Number(text);
    return Number.isNaN(number) ? null : number;
  };

  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, lang, { numeric: true, sensitivity: "base" }));

  /** Order rows by a column; rows without a value come last in both directions, equal rows keep their order. */
  const sortRows = (rows, column, numeric, descending) => {
    const keyed = rows.map((row) => ({ row, key: sortKey(row, column, numeric) }));
    keyed.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return descending ? compare(b.key, a.key) : compare(a.key, b.key);
    });
    return keyed.map((entry) => entry.row);
  };

  const sortBy = (table, header) => {
    const first = header.dataset.first === "desc" ? "descending" : "ascending";
    const other = first === "descending" ? "ascending" : "descending";
    const order = header.getAttribute("aria-sort") === first ? other : first;
    all("thead th[aria-sort]", table).forEach((th) => th.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", order);
    const numeric = header.dataset.sort === "number";
    for (const body of table.tBodies) {
      body.append(...sortRows([...body.rows], header.cellIndex, numeric, order === "descending"));
    }
  };

  const makeSortable = (table) => {
    for (const header of all("thead th[data-sort]", table)) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      // A footnote is a link, and no link may stand in a button.
      button.append(...[...header.childNodes].filter((node) => !node.matches?.(".footnote")));
      header.prepend(button);
      button.addEventListener("click", () => sortBy(table, header));
    }
  };

  // ---- filters -----------------------------------------------------------------------------------------------------

  const itemsOf = (target) => (target.tBodies ? [...target.tBodies].flatMap((body) => [...body.rows]) : [...target.children]);

  const facetTest = (control) => {
    const wanted = control.type === "checkbox" ? (control.checked ? control.value : "") : control.value;
    const name = `data-facet-${control.dataset.facet}`;
    return (item) => wanted === "" || (item.getAttribute(name) ?? "").split(" ").includes(wanted);
  };

  /** Letters without case, accents and final sigma: as they are typed in a hurry. */
  const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replaceAll("ς", "σ");

  const wordsTest = (input) => {
    const words = folded(input.value).split(/\s+/).filter(Boolean);
    return (item) => words.every((word) => folded(item.textContent).includes(word));
  };

  const applyFilters = (bar, target) => {
    const tests = [...all("[data-facet]", bar).map(facetTest), ...all('input[type="search"]', bar).map(wordsTest)];
    const items = itemsOf(target);
    items.forEach((item) => { item.hidden = !tests.every((test) => test(item)); });
    const shown = items.filter((item) => !item.hidden).length;
    for (const output of all("output[data-template]", bar)) {
      output.textContent = output.dataset.template.replace("{shown}", shown).replace("{total}", items.length);
    }
  };

  const showColumn = (table, column, shown) => {
    for (const row of table.rows) if (row.cells[column]) row.cells[column].hidden = !shown;
  };

  const addColumnToggles = (fieldset, table) => {
    for (const header of all("thead th[data-optional]", table)) {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: !header.hidden });
      label.append(box, ` ${header.textContent.trim()}`);
      fieldset.append(label);
      box.addEventListener("change", () => showColumn(table, header.cellIndex, box.checked));
    }
  };

  /** A facet may have a tick and a list: the one used last counts. */
  const resetTwins = (bar, used) => {
    for (const twin of all(`[data-facet="${CSS.escape(used.dataset.facet)}"]`, bar)) {
      if (twin === used) continue;
      if (twin.type === "checkbox") twin.checked = false;
      else twin.value = "";
    }
  };

  /** An address may choose: ?system=zoedepth sets the list of that facet, if it has the option. */
  const chooseByAddress = (bar) => {
    const wanted = new URLSearchParams(location.search);
    for (const list of all("select[data-facet]", bar)) {
      const value = wanted.get(list.dataset.facet);
      if (!value || ![...list.options].some((option) => option.value === value)) continue;
      list.value = value;
      list.closest("details")?.setAttribute("open", "");
    }
  };

  const startFilters = (bar) => {
    const target = document.querySelector(`:is(table, ul)#${CSS.escape(bar.dataset.for)}`);
    if (!target) return;
    if (target.tBodies) all("fieldset.columns", bar).forEach((fieldset) => addColumnToggles(fieldset, target));
    const apply = (event) => {
      const control = event?.target.closest("[data-facet]");
      if (control) resetTwins(bar, control);
      applyFilters(bar, target);
    };
    bar.addEventListener("input", apply);
    bar.addEventListener("submit", (event) => event.preventDefault());
    bar.hidden = false;
    chooseByAddress(bar);
    apply();
  };

  // ---- boards that fit and boards that do not ------------------------------------------------------------------------

  /** A table that fits sticks its header to the window; a wider one scrolls in its own box. */
  const watchWidth = (box) => {
    const table = box.querySelector("table");
    if (!table) return;
    const measure = () => {
      const wide = table.offsetWidth > box.clientWidth + 1;
      box.classList.toggle("is-fitting", !wide);
      box.classList.toggle("is-wide", wide);
      if (wide) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    };
    new ResizeObserver(measure).observe(box);
  };

  // ---- copy ----------------------------------------------------------------------------------------------------------

  const startCopy = (button) => {
    const source = document.getElementById(button.dataset.copy);
    if (!source || !navigator.clipboard) return;
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
        button.textContent = button.dataset.done ?? label;
        setTimeout(() => { button.textContent = label; }, 2000);
      } catch { // not allowed: leave the text selected, so that the reader's own copy key works
        getSelection().selectAllChildren(source);
      }
    });
  };

  // ---- charts --------------------------------------------------------------------------------------------------------

  let vega;
  /** Vega's bundle is 900 kB: it comes with the first chart that is opened, once. */
  const loadVega = () => {
    vega ??= shared("vega.js").then(() => globalThis.fathomVega);
    return vega;
  };

  const cssValue = (property) => getComputedStyle(document.body).getPropertyValue(property).trim();

  /** The specification names its colours (usermeta.colours: colour -> CSS property); put in today's values. */
  const inPalette = (text) => {
    const colours = JSON.parse(text).usermeta?.colours ?? {};
    const painted = text.replace(/#[0-9a-f]{6}\b/gi, (colour) => cssValue(colours[colour.toLowerCase()] ?? "") || colour);
    return JSON.parse(painted);
  };

  const NARROW = matchMedia("(max-width: 44.9844em)");

  /** Panels stand one below the other where there is no room beside. */
  const fitted = (spec) => {
    if (!spec.hconcat || !NARROW.matches) return spec;
    const { hconcat, ...rest } = spec;
    return { ...rest, vconcat: hconcat };
  };

  const say = (figure, text) => {
    const line = figure.querySelector(".chart-message") ?? document.createElement("p");
    line.className = "chart-message";
    line.setAttribute("role", "status");
    line.textContent = text;
    figure.append(line);
  };

  /** Inputs get the name that Vega writes beside them, without the value beside it; radio buttons get it as a group. */
  const nameInputs = (holder) => {
    for (const row of all(".vega-bind", holder)) {
      const radios = row.querySelector(".vega-bind-radio");
      radios?.setAttribute("role", "radiogroup");
      (radios ?? row.querySelector("input")).setAttribute("aria-label", row.querySelector(".vega-bind-name").textContent);
    }
  };

  /** What a reader has set in a chart stays when it is drawn in another palette. */
  const keepInputs = async (canvas, before, view) => {
    const names = new Set(all(".vega-bindings [name]", canvas).map((input) => input.name));
    for (const name of names) view.signal(name, before.signal(name));
    await view.runAsync();
  };

  const drawChart = async (figure, text, state) => {
    const embed = await loadVega();
    const canvas = figure.querySelector(".chart-canvas");
    const holder = document.createElement("div");
    const { view } = await embed(holder, fitted(inPalette(text)), { mode: "vega-lite", renderer: "svg", actions: false, ast: true });
    nameInputs(holder);
    if (state.view) await keepInputs(canvas, state.view, view);
    state.view?.finalize();
    state.view = view;
    canvas.replaceChildren(holder);
    figure.dataset.drawn = document.body.dataset.mdColorScheme ?? "default";
  };

  const openChart = async (figure, button) => {
    if (location.protocol === "file:") return say(figure, button.dataset.file);
    button.disabled = true;
    try {
      const response = await fetch(figure.dataset.spec);
      if (!response.ok) throw new Error(`${response.status} ${figure.dataset.spec}`);
      const text = await response.text();
      const state = {};
      await drawChart(figure, text, state);
      const redraw = () => drawChart(figure, text, state);
      new MutationObserver(redraw).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
      button.remove();
    } catch (error) {
      button.disabled = false;
      say(figure, `${button.dataset.error} (${error.message})`);
    }
    return undefined;
  };

  const startChart = (figure) => {
    const button = figure.querySelector("button.chart-explore");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => openChart(figure, button));
  };

  // ---- navigation ----------------------------------------------------------------------------------------------------

  const folder = (url) => new URL(".", url).pathname;

  /** Pages beyond the short navigation still show which section they stand in. */
  const markSection = () => {
    if (document.querySelector(".md-tabs__item--active")) return;
    const links = all(".md-tabs__link");
    const root = links.length ? folder(links[0].href) : "";
    const section = links.find((link) => folder(link.href) !== root && folder(location.href).startsWith(folder(link.href)));
    section?.parentElement.classList.add("md-tabs__item--active");
  };

  // ---- two protocols side by side ------------------------------------------------------------------------------------

  /** Show only the two chosen columns and, if asked, only the rows in which the shown columns differ. */
  const showColumns = (table, shown, withSame) => {
    for (const row of table.rows) {
      [...row.cells].forEach((cell, index) => (cell.hidden = index > 0 && !shown.includes(index)));
    }
    let differing = 0;
    for (const row of table.tBodies[0].rows) {
      const differs = new Set(shown.map((index) => row.cells[index].textContent)).size > 1;
      row.classList.toggle("differs", differs);
      row.classList.toggle("same", !differs);
      row.hidden = !differs && !withSame;
      differing += differs;
    }
    return differing;
  };

  const startCompare = (choice) => {
    const table = document.getElementById(choice.dataset.table);
    const side = (name) => choice.querySelector(`[data-side="${name}"]`);
    const output = choice.querySelector("output");
    const update = (event) => {
      // The first choice leaves the view of all for what differs between two.
      if (event?.target.tagName === "SELECT" && side("all").checked) side("all").checked = side("same").checked = false;
      const columns = [...table.tHead.rows[0].cells].keys();
      const chosen = [Number(side("first").value) + 1, Number(side("second").value) + 1];
      const shown = side("all").checked ? [...columns].slice(1) : [...new Set(chosen)];
      const differs = showColumns(table, shown, side("same").checked);
      output.textContent = output.dataset.template.replace("{differs}", differs).replace("{total}", table.tBodies[0].rows.length);
    };
    choice.hidden = false;
    choice.addEventListener("change", update);
    update();
  };

  // ---- points in space ------------------------------------------------------------------------------------------------

  let cloudViewer;
  /** three.js weighs 640 kB: it comes with the first cloud that is opened, once. */
  const loadCloudViewer = () => {
    cloudViewer ??= shared("three.js").then(() => shared("cloud.js"));
    return cloudViewer;
  };

  const hasWebGL = () => {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") ?? canvas.getContext("webgl"));
  };

  /** Closes the one view that is open: browsers keep only a few of them alive. */
  let closeCloud = () => {};

  /** Give a copy of the page's template the image's title and the maps that it has. */
  const cloudView = (shot, entry) => {
    const view = document.getElementById("cloud-view").content.firstElementChild.cloneNode(true);
    for (const part of [view, view.querySelector("canvas")]) {
      part.setAttribute("aria-label", part.getAttribute("aria-label").replace("{title}", () => entry.title));
    }
    const nameOf = (map) => figureOf(shot, map.model ? `prediction.${map.model}` : "ground-truth").querySelector(".view-name").textContent;
    view.querySelector("select").append(...entry.cloud.maps.map((map) => new Option(nameOf(map), map.file)));
    return view;
  };

  const openCloud = async (shot, button) => {
    const words = document.getElementById("cloud-view").dataset;
    const tell = (text) => say(button.parentElement, text);
    button.parentElement.querySelector(".chart-message")?.remove();
    if (button.getAttribute("aria-expanded") === "true") return closeCloud();
    if (location.protocol === "file:") return tell(words.file);
    if (!hasWebGL()) return tell(words.missing);
    closeCloud();
    button.disabled = true;
    let view;
    const fail = (error) => tell(`${words.error} (${error.message})`);
    try {
      const response = await fetch(button.dataset.record);
      if (!response.ok) throw new Error(`${response.status} ${button.dataset.record}`);
      const [entry, { showCloud }] = await Promise.all([response.json(), loadCloudViewer()]);
      view = cloudView(shot, entry);
      button.parentElement.append(view);
      const close = await showCloud(view, entry, response.url, fail);
      button.setAttribute("aria-expanded", "true");
      closeCloud = () => {
        close();
        view.remove();
        button.setAttribute("aria-expanded", "false");
        closeCloud = () => {};
      };
    } catch (error) {
      view?.remove();
      fail(error);
    }
    button.disabled = false;
    return undefined;
  };

  const startCloud = (button) => {
    button.hidden = false;
    button.addEventListener("click", () => openCloud(button.closest("li.shot"), button));
  };

  // ---- gallery -------------------------------------------------------------------------------------------------------

  /** Columns of a small copy (GallerySmall in sitegen/records.py). */
  const SMALL = 160;
  const SORTS = { worst: ["badness", -1], best: ["badness", 1], disagreeing: ["spread", -1] };

  /** Order images; those without a value come last, and no order is the one of the page. */
  const sortShots = (list, shots, sort) => {
    const [key, sign] = SORTS[sort] ?? [];
    const value = (shot) => (shot.dataset[key] === "" ? Infinity : sign * Number(shot.dataset[key]));
    list.append(...(key ? [...shots].sort((a, b) => value(a) - value(b) || 0) : shots));
  };

  const figureOf = (shot, view) => shot.querySelector(`figure[data-view="${CSS.escape(view)}"]`);

  /** What an address says of a gallery: #shot=ID&left=VIEW&right=VIEW&at=PERCENT&sort=ORDER, without shot for all. */
  const galleryAddress = (state) => {
    const address = new URLSearchParams(Object.entries(state).filter(([, value]) => value !== ""));
    return `#${address}`;
  };

  /** Without a script figures are small copies; a list that is opened takes the size that the screen needs. */
  const offerSizes = (fold) => {
    for (const picture of all("figure img", fold)) {
      const full = picture.closest("a").getAttribute("href");
      const width = Number(picture.getAttribute("width"));
      picture.sizes = "auto, 200px";
      picture.srcset = `${picture.getAttribute("src")} ${Math.min(SMALL, width)}w, ${full} ${width}w`;
    }
  };

  const startShot = (shot, sortOf) => {
    const compare = shot.querySelector(".shot-compare");
    if (!compare) return () => {};
    const stage = compare.querySelector(".shot-stage");
    const range = stage.querySelector("input");
    const side = (name) => compare.querySelector(`select[data-side="${name}"]`);
    const state = () => ({ shot: shot.dataset.sample, left: side("left").value, right: side("right").value, at: range.value, sort: sortOf() });

    const drawSide = (name) => {
      const figure = figureOf(shot, side(name).value);
      const { alt, width, height } = figure.querySelector("img");
      const full = { loading: "lazy", alt, className: `side-${name}`, src: figure.querySelector("a").getAttribute("href") };
      const picture = Object.assign(new Image(width, height), full);
      stage.querySelector(`.side-${name}`)?.remove();
      stage.prepend(picture);
      compare.querySelector(`[data-caption="${name}"]`).replaceChildren(...[...figure.querySelector("figcaption").childNodes].map((node) => node.cloneNode(true)));
      return figure.dataset.scale;
    };
    const draw = () => {
      const scales = ["right", "left"].map(drawSide);
      all(".ramp-legend", shot).forEach((legend) => legend.classList.toggle("is-idle", !scales.includes(legend.dataset.scale)));
      slide();
    };
    const slide = () => {
      stage.style.setProperty("--at", `${range.value}%`);
      shot.querySelector(".shot-link").href = galleryAddress(state());
    };
    const choose = (wanted) => {
      for (const name of ["left", "right"]) if (wanted[name] && figureOf(shot, wanted[name])) side(name).value = wanted[name];
      if (/^\d+$/.test(wanted.at ?? "")) range.value = wanted.at;
      draw();
    };

    for (const name of ["left", "right"]) {
      side(name).append(...all("figure", shot).map((figure) => new Option(figure.querySelector(".view-name").textContent, figure.dataset.view)));
    }
    const first = figureOf(shot, "image");
    stage.style.setProperty("--shape", `${first.querySelector("img").width} / ${first.querySelector("img").height}`);
    compare.addEventListener("change", draw);
    range.addEventListener("input", slide);
    all(".shot-all", shot).forEach((fold) => {
      offerSizes(fold);
      fold.removeAttribute("open");
      fold.classList.remove("is-waiting");
    });
    compare.hidden = false;
    return choose;
  };

  const startGallery = (bar) => {
    const list = document.getElementById(bar.dataset.gallery);
    const shots = [...list.children];
    const choice = (name) => bar.querySelector(`select[data-choice="${name}"]`);
    const chosen = () => Object.fromEntries(all("select[data-choice]", bar).map((select) => [select.dataset.choice, select.value]));
    const choosers = new Map(shots.map((shot) => [shot, startShot(shot, () => choice("sort").value)]));

    const showAll = (wanted) => {
      sortShots(list, shots, choice("sort").value);
      choosers.forEach((choose) => choose(wanted));
    };
    const restore = () => {
      const wanted = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
      const shot = shots.find((item) => item.dataset.sample === wanted.shot);
      for (const [name, value] of Object.entries(wanted)) {
        const select = (name === "sort" || !shot) && choice(name);
        if (select && [...select.options].some((option) => option.value === value)) select.value = value;
      }
      showAll(shot ? chosen() : { ...chosen(), at: wanted.at });
      if (!shot) return;
      choosers.get(shot)(wanted);
      shot.scrollIntoView({ block: "center" });
      shot.querySelector("input[type=range]")?.focus({ preventScroll: true });
    };
    bar.addEventListener("change", (event) => {
      showAll(event.target.dataset.choice === "sort" ? {} : { [event.target.dataset.choice]: event.target.value });
      history.replaceState(null, "", galleryAddress(chosen()));
    });
    addEventListener("hashchange", restore);
    bar.hidden = false;
    restore();
  };

  all(".gallery-bar[data-gallery]").forEach(startGallery);
  all("button.shot-cloud[data-record]").forEach(startCloud);
  all("table.board").forEach(makeSortable);
  all(".filters[data-for]").forEach(startFilters);
  all(".board-scroll").forEach(watchWidth);
  all(".compare-choice[data-table]").forEach(startCompare);
  all("button.copy[data-copy]").forEach(startCopy);
  all("figure.chart[data-spec]").forEach(startChart);
  markSection();
})();
