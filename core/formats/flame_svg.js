/*
 * A flame graph in a browser: draws the tree that stands in the file's tables, and lets one zoom,
 * search and turn it around. The picture that was there before, for readers without scripts, gives
 * way to it.
 *
 * A frame knows its weight and its children. Where it is drawn follows from `start`, the weight to
 * the left of it, and from the frame that is zoomed to, which fills the width. Only what is wide
 * enough to be seen has elements in the document; they are made anew with every change.
 *
 * Names come from the program that was measured. They are only ever assigned as text.
 */
"use strict";
{
    const SVG = "http://www.w3.org/2000/svg";
    const HTML = "http://www.w3.org/1999/xhtml";
    const MARGIN = 10, HEADER = 98, ROW = 18, BOX = 17, FOOT = 34;
    const INDENT = 4, BASELINE = 13, LABEL_MIN = 3; // of labels: pixels, pixels, columns
    const NARROWEST = 0.4; // pixels: what is narrower is not drawn
    const TIP_WIDTH = 440;

    /* ---- the tree ---- */

    class Frame {
        constructor(parent, fn, value, samples) {
            this.parent = parent;
            this.fn = fn; // {label, name, module, color}
            this.value = value;
            this.samples = samples;
            this.self = 0;
            this.selfSamples = 0;
            this.children = [];
            this.depth = parent ? parent.depth + 1 : 0;
            this.start = 0;
            parent?.children.push(this);
        }
    }

    const ALL = {label: "all", name: "all", module: "", color: "#c4c4c4"};
    const facts = document.getElementById("facts").dataset;

    /** The fields of each line of a table, which begins and ends with a line feed. */
    function readTable(id, separator) {
        const text = document.getElementById(id).textContent.slice(1, -1);
        return text ? text.split("\n").map(line => line.split(separator)) : [];
    }

    /** The frames of the file, the root first. */
    function readFrames() {
        const functions = readTable("function-table", "\t").map(([color, label, module, name]) =>
            ({color: "#" + color, label, module, name: name ?? label}));
        const frames = [];
        for (const line of readTable("frame-table", " ")) {
            const [parent, fn, value, samples, self = 0, selfSamples = 0] = line.map(Number);
            const frame = new Frame(frames[parent] ?? null, functions[fn] ?? ALL, value, samples);
            frame.self = self;
            frame.selfSamples = selfSamples;
            frames.push(frame);
        }
        return frames;
    }

    /** Gives every frame its place: children stand side by side, from their parent's left edge. */
    function place(root) {
        const waiting = [root];
        while (waiting.length > 0) {
            const frame = waiting.pop();
            let start = frame.start;
            for (const child of frame.children) {
                child.start = start;
                start += child.value;
                waiting.push(child);
            }
        }
        return root;
    }

    /** The frames that have time of their own, each as the beginning of a path to the root. */
    function innermostFrames(root) {
        const paths = [], waiting = [root];
        while (waiting.length > 0) {
            const frame = waiting.pop();
            if (frame.self > 0 && frame.parent)
                paths.push({at: frame, value: frame.self, samples: frame.selfSamples});
            waiting.push(...frame.children);
        }
        return paths;
    }

    /** Paths that go on from here, by the function they come to next. */
    function groupByFunction(paths) {
        const groups = new Map();
        for (const path of paths) {
            const group = groups.get(path.at.fn);
            if (group)
                group.push(path);
            else
                groups.set(path.at.fn, [path]);
        }
        return [...groups].sort(([a], [b]) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
    }

    const sum = (list, field) => list.reduce((total, item) => total + item[field], 0);

    /**
     * The same tree from the other end: innermost functions first, callers below them. The other
     * way round it gives the first tree again.
     */
    function turnAround(tree) {
        const root = new Frame(null, ALL, tree.value, tree.samples);
        const waiting = [[root, innermostFrames(tree)]];
        while (waiting.length > 0) {
            const [frame, paths] = waiting.pop();
            for (const [fn, group] of groupByFunction(paths)) {
                const child = new Frame(frame, fn, sum(group, "value"), sum(group, "samples"));
                const ended = group.filter(path => !path.at.parent.parent);
                child.self = sum(ended, "value");
                child.selfSamples = sum(ended, "samples");
                const on = group.filter(path => path.at.parent.parent);
                for (const path of on)
                    path.at = path.at.parent;
                if (on.length > 0)
                    waiting.push([child, on]);
            }
        }
        return place(root);
    }

    /* ---- figures ---- */

    const SCALES = {
        nanoseconds: [["ns", 1], ["µs", 1e3], ["ms", 1e6], ["s", 1e9]],
        bytes: [["B", 1], ["KiB", 2 ** 10], ["MiB", 2 ** 20], ["GiB", 2 ** 30], ["TiB", 2 ** 40]],
    };

    /** Three significant digits and a unit: "3.90 s". */
    function formatValue(value) {
        const scales = SCALES[facts.unit];
        if (!scales)
            return value.toLocaleString("en");
        if (value === 0)
            return "0";
        const [unit, size] = scales.findLast(scale => value >= scale[1] * 0.9995) ?? scales[0];
        const scaled = value / size;
        const decimals = size === 1 ? 0 : scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
        return `${scaled.toFixed(decimals)} ${unit}`;
    }

    /** Per cent: "31.2 %". */
    function formatShare(part, whole) {
        const percent = whole > 0 ? 100 * part / whole : 0;
        return part > 0 && percent < 0.05 ? "<0.1 %" : `${percent.toFixed(1)} %`;
    }

    /** What a frame costs, a line each. */
    function describe(frame) {
        const ofView = view.zoom === view.root ? ""
            : `, ${formatShare(frame.value, view.zoom.value)} of the view`;
        const lines = [`${facts.metric}: ${formatValue(frame.value)}, ` +
            `${formatShare(frame.value, view.root.value)} of all${ofView}`];
        if (!view.inverted)
            lines.push(`self: ${formatValue(frame.self)}, ` +
                `${formatShare(frame.self, view.root.value)} of all`);
        if (facts.counted && facts.metric !== facts.counted)
            lines.push(`${frame.samples.toLocaleString("en")} ${facts.counted}`);
        return lines;
    }

    /* ---- the page ---- */

    const page = document.documentElement;
    const boxes = document.getElementById("frames");
    const note = document.querySelector(".note");

    function make(namespace, tag, attributes = {}, ...children) {
        const element = document.createElementNS(namespace, tag);
        for (const [name, value] of Object.entries(attributes))
            element.setAttribute(name, value);
        element.append(...children);
        return element;
    }
    const svg = (...rest) => make(SVG, ...rest);
    const html = (...rest) => make(HTML, ...rest);

    const search = html("input", {type: "search", placeholder: "Search ( / )", spellcheck: "false",
        "aria-label": "search names: a regular expression"});
    const found = html("output", {id: "found"});
    const resetButton = html("button", {type: "button", id: "reset"}, "Reset zoom");
    const turnButton = html("button", {type: "button", id: "turn"}, "Bottom-up");
    const header = svg("foreignObject", {width: "100%", height: HEADER}, html("header", {},
        html("h1", {}, document.getElementById("title").textContent),
        html("p", {}, document.getElementById("subtitle").textContent),
        html("div", {}, search, resetButton, turnButton, found, html("small", {},
            "click or Enter: zoom · arrows: move · / search · n next · Esc: reset · b: bottom-up"))));
    const tip = html("aside");
    const tooltip = svg("foreignObject", {id: "tooltip", width: TIP_WIDTH, height: 10}, tip);

    /* ---- what is shown ---- */

    const view = {
        trees: [], // as in the file, and turned around once that was asked for
        inverted: facts.inverted === "1",
        root: null,
        zoom: null,
        current: null, // the frame that keys start from
        matches: null, // Set of functions while there is something to search for
        width: 0,
        elements: new Map(), // frame -> its <g>
        frames: new WeakMap(), // <g> -> its frame
    };

    const columnsOf = character => character >= "\u1100" ? 2 : 1;

    /** As much of a text as fits, with an ellipsis when that is not all. */
    function cutLabel(text, columns) {
        if (columns < LABEL_MIN)
            return "";
        let used = 0, kept = "", whole = "";
        for (const character of text) {
            used += columnsOf(character);
            if (used > columns)
                return kept + "…";
            whole += character;
            if (used < columns)
                kept = whole;
        }
        return text;
    }

    let cellWidth = 7.2;

    /** The width of a letter in this browser's font. */
    function measureCell() {
        const sample = svg("text", {}, "m".repeat(50));
        boxes.append(svg("g", {class: "frame"}, sample));
        cellWidth = sample.getComputedTextLength() / 50 || cellWidth;
    }

    function makeBox(frame, x, width, kind) {
        const y = frame.depth * ROW;
        const box = svg("g", {class: `frame ${kind}`, tabindex: -1, role: "button"},
            svg("rect", {x, y, width: width - Math.min(1, width / 4), height: BOX, rx: 2,
                fill: frame.fn.color}));
        const label = cutLabel(frame.fn.label, Math.floor((width - 2 * INDENT) / cellWidth));
        if (label)
            box.append(svg("text", {x: x + INDENT, y: y + BASELINE}, label));
        if (view.matches?.has(frame.fn))
            box.classList.add("match");
        view.elements.set(frame, box);
        view.frames.set(box, frame);
        return box;
    }

    /** Boxes of the zoomed frame, of what is above it and of what is below it, from the left. */
    function makeBoxes() {
        const {zoom, width} = view, made = [];
        for (let above = zoom.parent; above; above = above.parent)
            made.unshift(makeBox(above, 0, width, "above"));
        const scale = width / zoom.value, waiting = [zoom];
        while (waiting.length > 0) {
            const frame = waiting.pop();
            if (frame.value * scale < NARROWEST)
                continue;
            made.push(makeBox(frame, (frame.start - zoom.start) * scale, frame.value * scale, ""));
            waiting.push(...frame.children.toReversed());
        }
        return made;
    }

    function draw() {
        view.width = Math.max(page.getBoundingClientRect().width - 2 * MARGIN, 50);
        view.elements.clear();
        const hadFocus = boxes.contains(document.activeElement);
        boxes.replaceChildren(...makeBoxes());
        const rows = Math.max(...[...view.elements.keys()].map(frame => frame.depth)) + 1;
        const height = HEADER + rows * ROW + FOOT;
        page.setAttribute("height", height);
        page.setAttribute("viewBox", `0 0 ${view.width + 2 * MARGIN} ${height}`);
        note.setAttribute("y", height - FOOT / 2);
        resetButton.disabled = view.zoom === view.root;
        turnButton.setAttribute("aria-pressed", view.inverted);
        page.classList.toggle("searching", view.matches !== null);
        hideTooltip();
        if (!view.elements.has(view.current))
            view.current = view.zoom;
        markCurrent(hadFocus);
    }

    /* ---- the tooltip ---- */

    function showTooltip(frame, x, y) {
        tip.replaceChildren(html("b", {}, frame.fn.name), html("i", {}, frame.fn.module),
            ...describe(frame).map(line => html("span", {}, line)));
        tooltip.style.display = "";
        const {width, height} = tip.getBoundingClientRect();
        const right = window.innerWidth + window.scrollX, bottom = window.innerHeight + window.scrollY;
        tooltip.setAttribute("x", Math.max(Math.min(x + 14, right - width - 20), 0));
        tooltip.setAttribute("y", y + 18 + height > bottom ? Math.max(y - height - 10, 0) : y + 18);
    }

    function hideTooltip() {
        tooltip.style.display = "none";
    }

    /* ---- moving, zooming, searching ---- */

    /** Tab reaches the current frame, arrows go on from there. */
    function markCurrent(focus) {
        for (const element of boxes.querySelectorAll(".current")) {
            element.classList.remove("current");
            element.setAttribute("tabindex", -1);
        }
        const element = view.elements.get(view.current);
        element.classList.add("current");
        element.setAttribute("tabindex", 0);
        element.setAttribute("aria-label", [view.current.fn.name, ...describe(view.current)].join(", "));
        if (focus)
            element.focus();
    }

    function moveTo(frame) {
        if (!frame || !view.elements.has(frame))
            return;
        view.current = frame;
        markCurrent(true);
        const box = view.elements.get(frame).getBoundingClientRect();
        showTooltip(frame, box.left + window.scrollX, box.bottom + window.scrollY - ROW);
    }

    /** Frames drawn in the same row, from the left. */
    function rowOf(frame) {
        return [...view.elements.keys()].filter(other => other.depth === frame.depth);
    }

    function moveSideways(step) {
        const row = rowOf(view.current);
        moveTo(row[row.indexOf(view.current) + step]);
    }

    function moveDown() {
        const below = view.current.children.filter(child => view.elements.has(child));
        moveTo(below.reduce((widest, child) => child.value > (widest?.value ?? 0) ? child : widest, null));
    }

    /** The heaviest match first, then lighter and lighter ones. */
    function moveToMatch() {
        const matches = [...view.elements.keys()].filter(frame => view.matches?.has(frame.fn));
        matches.sort((a, b) => b.value - a.value);
        moveTo(matches[(matches.indexOf(view.current) + 1) % matches.length]);
    }

    function zoomTo(frame) {
        view.zoom = view.current = frame;
        draw();
        showFound();
    }

    /** The pattern as a regular expression, or, when it is none, as the text it is. Capitals in it
     * make it tell capitals apart. */
    function readPattern(pattern) {
        const flags = pattern === pattern.toLowerCase() ? "iu" : "u";
        try {
            return new RegExp(pattern, flags);
        } catch {
            return new RegExp(pattern.replace(/[\\^$.*+?()[\]{}|\/-]/g, "\\$&"), flags);
        }
    }

    function searchFor(pattern) {
        view.matches = null;
        if (pattern !== "") {
            const regex = readPattern(pattern);
            view.matches = new Set(functionsOf(view.root).filter(fn => regex.test(fn.name)));
        }
        draw();
        showFound();
    }

    function functionsOf(root) {
        const functions = new Set(), waiting = [root];
        while (waiting.length > 0) {
            const frame = waiting.pop();
            functions.add(frame.fn);
            waiting.push(...frame.children);
        }
        functions.delete(ALL);
        return [...functions];
    }

    /** Weight of the paths from `top` down with a match in them, each counted once. */
    function matchedBelow(top) {
        let matched = 0;
        const waiting = [top];
        while (waiting.length > 0) {
            const frame = waiting.pop();
            if (view.matches.has(frame.fn))
                matched += frame.value;
            else
                waiting.push(...frame.children);
        }
        return matched;
    }

    function showFound() {
        if (!view.matches) {
            found.textContent = "";
            return;
        }
        let text = `matched ${formatShare(matchedBelow(view.root), view.root.value)}`;
        if (view.zoom !== view.root)
            text += `, ${formatShare(matchedBelow(view.zoom), view.zoom.value)} of the view`;
        found.textContent = text;
    }

    function showTree(inverted) {
        const natural = facts.inverted === "1";
        view.trees[Number(inverted)] ??= turnAround(view.trees[Number(natural)]);
        view.inverted = inverted;
        view.root = view.trees[Number(inverted)];
        zoomTo(view.root);
    }

    function focusGraph() {
        boxes.querySelector(".current").focus({preventScroll: true});
    }

    /** First the search, then the zoom. */
    function reset() {
        if (document.activeElement === search)
            focusGraph();
        if (search.value !== "") {
            search.value = "";
            searchFor("");
        } else if (view.zoom !== view.root) {
            zoomTo(view.root);
        }
    }

    /* ---- events ---- */

    const KEYS = {
        ArrowUp: () => moveTo(view.current.parent),
        ArrowDown: moveDown,
        ArrowLeft: () => moveSideways(-1),
        ArrowRight: () => moveSideways(1),
        Home: () => moveTo(view.root),
        Enter: () => zoomTo(view.current),
        Backspace: () => zoomTo(view.zoom.parent ?? view.root),
        Escape: reset,
        "/": () => search.focus(),
        n: moveToMatch,
        b: () => showTree(!view.inverted),
        i: () => showTree(!view.inverted),
    };

    /** A search in the page finds only what has a label: ours finds all. Twice, and it is the
     * browser's own. */
    function takesFind(event) {
        return (event.ctrlKey || event.metaKey) && event.key === "f" && document.activeElement !== search;
    }

    function onKey(event) {
        const inHeader = header.contains(document.activeElement);
        if (takesFind(event)) {
            search.focus();
            search.select();
        } else if (event.ctrlKey || event.metaKey || event.altKey) {
            return;
        } else if (document.activeElement === search && event.key === "Enter") {
            focusGraph();
            moveToMatch();
        } else if (KEYS[event.key] && (!inHeader || event.key === "Escape")) {
            KEYS[event.key]();
        } else {
            return;
        }
        event.preventDefault();
    }

    const frameOf = event => view.frames.get(event.target.closest(".frame"));

    function listen() {
        boxes.addEventListener("click", event => {
            const frame = frameOf(event);
            if (frame && frame !== view.zoom)
                zoomTo(frame);
        });
        boxes.addEventListener("pointermove", event => {
            const frame = frameOf(event);
            if (frame)
                showTooltip(frame, event.pageX, event.pageY);
        });
        boxes.addEventListener("pointerleave", hideTooltip);
        search.addEventListener("input", () => searchFor(search.value));
        resetButton.addEventListener("click", () => zoomTo(view.root));
        turnButton.addEventListener("click", () => showTree(!view.inverted));
        document.addEventListener("keydown", onKey);
        window.addEventListener("resize", draw);
    }

    /** Takes over from the picture. */
    function begin(frames) {
        view.trees[Number(view.inverted)] = view.root = place(frames[0]);
        view.zoom = view.current = frames[Number(facts.zoom)];
        document.getElementById("title").remove();
        document.getElementById("subtitle").remove();
        page.setAttribute("width", "100%");
        page.setAttribute("preserveAspectRatio", "xMinYMin meet");
        page.classList.add("live");
        boxes.before(header); // so that Tab comes to it first
        page.append(tooltip);
        boxes.setAttribute("transform", `translate(${MARGIN} ${HEADER})`);
        const cut = Number(facts.cutPercent);
        note.textContent = cut < 0.05 ? ""
            : `${cut.toFixed(1)} % of ${facts.whole} goes on in frames too narrow to be in this file.`;
        measureCell();
        draw();
        listen();
    }

    const frames = readFrames();
    if (frames.length > 0 && frames[0].value > 0)
        begin(frames);
}
