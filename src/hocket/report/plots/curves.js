/**
 * The curves of training runs, drawn by uPlot: one chart for each figure, the runs laid over each other.
 *
 * The report and the studio's Training tab use this module with the JSON of `hocket.report.charts`. `uPlot` is a global
 * of the page. Names of runs are only ever set as text.
 */

const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
const HEIGHT = 206;
const MOST_DOTS = 25;
const MOST_ROWS = 60;
/** So far beyond its ends, as a share of the axis, a curve still has a value. */
const NEAR = 0.03;
const WHOLE_STEPS = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** power)).flat();

const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

/** A figure with as many places as one reads. */
export const short = (value) => {
  const size = Math.abs(value);
  if (value && (size < 1e-3 || size >= 1e5)) return value.toExponential(1);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || !value ? 2 : 3);
};

const tick = (value) => {
  const isPlain = !value || (Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6);
  return String(isPlain ? Number(value.toPrecision(10)) : Number(value).toExponential(0)).replace("-", "−");
};

/** The running mean that begins at the first value; gaps stay. */
const smoothed = (values, weight) => {
  let sum = 0;
  let norm = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    norm = weight * norm + 1 - weight;
    return sum / norm;
  });
};

const nearest = (steps, step) => {
  let low = 0;
  let high = steps.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle;
    else high = middle;
  }
  return step - steps[low] <= steps[high] - step ? low : high;
};

const known = (values) => values.filter((value) => value !== null);

export class Curves {
  /** `isPlain` leaves out what only losses need: smoothing and the kind of axis. */
  constructor(place, { isPlain = false } = {}) {
    this.place = place;
    this.isPlain = isPlain;
    this.smoothing = 0;
    this.axes = "fitting";
    this.hidden = new Set();
    this.zoom = null;
    this.opened = new Set();
    this.panels = [];
    this.key = `hk-${Math.random()}`;
    place.classList.add("hk-curves");
    new ResizeObserver(() => this.fit()).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  /** Draws the curves, or brings them up to date: zoom, smoothing, hidden runs and open tables stay. */
  show(data) {
    this.data = data;
    this.last = Math.max(...data.runs.map((run) => run.last_step), 1);
    const charts = data.groups.flatMap((group) => group.charts);
    const names = JSON.stringify(data.runs.map((run) => run.name));
    if (names !== this.names) this.zoom = null;
    this.names = names;
    const shape = JSON.stringify([names, data.signs, charts.map((chart) => [chart.key, chart.curves.map((curve) => curve.name)])]);
    if (shape === this.shape) this.panels.forEach((panel, index) => panel.take(charts[index]));
    else this.build(data);
    this.shape = shape;
  }

  build(data) {
    const focused = this.place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.panels.forEach((panel) => panel.plot?.destroy());
    this.panels = [];
    const groups = data.groups.map((group) => {
      const panels = group.charts.map((chart) => new Panel(this, chart));
      this.panels.push(...panels);
      return make("section", { className: "hk-group" }, make("h3", { textContent: group.title }),
        make("p", { className: "hk-text", textContent: group.text }),
        make("div", { className: "hk-charts" }, ...panels.map((panel) => panel.figure)));
    });
    this.place.replaceChildren(this.tools(), ...groups);
    this.fit();
    if (focused) this.place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  tools() {
    const row = make("div", { className: "hk-tools" });
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "How the curves are drawn");
    if (this.data.runs.length > 1) row.append(...this.data.runs.map((run, index) => this.toggle(run, index)));
    const smoothing = make("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: this.smoothing });
    smoothing.dataset.key = "smoothing";
    smoothing.addEventListener("input", () => {
      this.smoothing = Number(smoothing.value);
      this.panels.forEach((panel) => panel.refill());
    });
    const axes = make("select");
    axes.dataset.key = "axes";
    for (const [value, text] of [["fitting", "automatic"], ["linear", "linear"], ["log", "logarithmic"]]) {
      axes.append(make("option", { value, textContent: text, selected: value === this.axes }));
    }
    axes.addEventListener("change", () => {
      this.axes = axes.value;
      this.panels.filter((panel) => panel.chart.may_be_log).forEach((panel) => panel.draw());
    });
    this.reset = make("button", { type: "button", textContent: "Reset zoom", disabled: !this.zoom });
    this.reset.addEventListener("click", () => this.zoomTo(null));
    if (!this.isPlain) row.append(make("label", {}, "Smooth training curves ", smoothing), make("label", {}, "Axis of losses ", axes));
    row.append(this.reset);
    const signs = this.data.signs.map(([sign, text]) => `${sign} ${text}.`).join(" ");
    const help = "Drag across a chart to zoom, double-click to show everything. Keys: arrows read values, + and − zoom, 0 shows all.";
    return make("div", { className: "hk-head" }, row, make("p", { className: "hk-help" }, make("span", { className: "hk-keys", textContent: `${help} ` }), signs));
  }

  toggle(run, index) {
    const box = make("input", { type: "checkbox", checked: !this.hidden.has(index) });
    box.dataset.key = `run ${index}`;
    box.addEventListener("change", () => {
      if (box.checked) this.hidden.delete(index);
      else this.hidden.add(index);
      this.panels.forEach((panel) => panel.refill());
    });
    return make("label", { className: "hk-run" }, box, make("i", { className: `hk-swatch hk-${this.look(index)}` }), ` ${run.name}`);
  }

  /** The colour of a run; null where there is only one, whose curves have colours of their own. */
  look(run) {
    return this.data.runs.length > 1 ? this.data.runs[run].look : null;
  }

  colour(name) {
    return getComputedStyle(this.place).getPropertyValue(`--hk-${name}`).trim();
  }

  get range() {
    return this.zoom ?? [0, this.last];
  }

  zoomTo(range) {
    if (range) {
      const width = Math.max(range[1] - range[0], Math.min(2, this.last));
      const start = Math.min(Math.max(range[0], 0), this.last - width);
      range = width >= this.last ? null : [start, start + width];
    }
    this.zoom = range;
    this.reset.disabled = !range;
    const [min, max] = this.range;
    this.panels.forEach((panel) => panel.plot?.setScale("x", { min, max }));
  }

  /** Draws all charts as wide as their places, or as wide as `width`, in pixels. */
  fit(width) {
    this.panels.forEach((panel) => panel.fit(width));
  }

  redraw() {
    this.panels.forEach((panel) => panel.plot?.redraw());
  }
}

/** One chart with its legend, its values under the pointer, and its table. */
class Panel {
  constructor(all, chart) {
    this.all = all;
    this.title = make("b");
    this.unit = make("span", { className: "hk-unit" });
    this.legend = make("ul", { className: "hk-legend" });
    this.frame = make("div", { className: "hk-frame", tabIndex: 0 });
    this.frame.setAttribute("role", "img");
    this.frame.dataset.key = `chart ${chart.key}`;
    this.readout = make("p", { className: "hk-readout" });
    this.readout.setAttribute("aria-live", "polite");
    this.table = make("div", { className: "hk-scroll" });
    this.details = make("details", { className: "hk-table", open: all.opened.has(chart.key) }, make("summary", { textContent: "Figures as a table" }), this.table);
    this.details.addEventListener("toggle", () => {
      all.opened[this.details.open ? "add" : "delete"](chart.key);
      this.fill();
    });
    const head = make("div", {}, make("figcaption", {}, this.title, " ", this.unit), this.legend);
    this.figure = make("figure", { className: "hk-chart" }, head, this.frame, make("p", { className: "hk-axis", textContent: "training step" }), this.readout, this.details);
    this.frame.addEventListener("keydown", (event) => this.press(event));
    this.frame.addEventListener("blur", () => this.leave());
    this.frame.addEventListener("pointerenter", () => { this.isRead = true; });
    this.frame.addEventListener("pointerleave", () => this.leave());
    this.frame.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch" || !this.plot) return;
      const box = this.plot.over.getBoundingClientRect();
      this.point(event.clientX - box.left);
    });
    this.take(chart);
  }

  /** Takes the newest data of a chart. */
  take(chart) {
    this.chart = chart;
    this.title.textContent = chart.title;
    this.lines = chart.curves
      .flatMap((curve) => curve.series.map((series, run) => ({ curve, run, steps: series?.[0], values: series?.[1] })))
      .filter((line) => line.steps)
      .sort((one, other) => Number(other.curve.is_faint) - Number(one.curve.is_faint));
    this.frame.setAttribute("aria-label", this.described());
    this.explain();
    if (this.isLog === this.wasLog && this.plot && this.lines.length === this.plot.series.length - 1) this.refill();
    else this.draw();
    this.fill();
  }

  get isLog() {
    return this.chart.may_be_log && (this.all.axes === "fitting" ? this.chart.begins_log : this.all.axes === "log") && this.lines.some(({ values }) => values.some((value) => value > 0));
  }

  name(line) {
    return this.all.look(line.run) ? `${this.all.data.runs[line.run].name}, ${line.curve.name}` : line.curve.name;
  }

  look(line) {
    return this.all.look(line.run) ?? (line.curve.look === "quiet" ? "d" : line.curve.look);
  }

  isShown(line) {
    return !this.all.hidden.has(line.run);
  }

  /** The chart in a sentence, for those who do not see it. */
  described() {
    const parts = this.lines.map((line) => {
      const values = known(line.values);
      const [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
      return `${this.name(line)} from ${short(values[0])} to ${short(values.at(-1))}, lowest ${short(low)}, highest ${short(high)}`;
    });
    return `${this.chart.title} over training steps: ${parts.join("; ")}.`;
  }

  /** The legend: curves with their last values, in each run's colour; faint curves only where a run has no other. */
  explain() {
    const isNamed = (line) => !line.curve.is_faint || !this.lines.some((other) => other.run === line.run && !other.curve.is_faint);
    const runs = this.all.data.runs;
    this.keys = [];
    const items = this.chart.curves.map((curve) => {
      const lines = this.lines.filter((line) => line.curve === curve && isNamed(line));
      if (!lines.length) return "";
      const look = runs.length > 1 ? "ink" : this.look(lines[0]);
      const item = make("li", {}, make("i", { className: `hk-key hk-${look} hk-dash-${curve.dash}` }), curve.name);
      for (const line of lines) {
        const value = make("b", { textContent: short(known(line.values).at(-1)), hidden: !this.isShown(line) });
        if (runs.length > 1) Object.assign(value, { className: `hk-${this.look(line)}`, title: runs[line.run].name });
        item.append(" ", value);
        this.keys.push({ line, value });
      }
      return item;
    });
    this.legend.replaceChildren(...items);
  }

  data() {
    return uPlot.join(this.lines.map((line) => {
      const values = line.curve.has_dots || !this.all.smoothing ? line.values : smoothed(line.values, this.all.smoothing);
      return [line.steps, this.isLog ? values.map((value) => (value > 0 ? value : null)) : values];
    }));
  }

  fit(width = this.frame.clientWidth) {
    if (!this.frame.clientWidth) return;
    if (!this.plot) this.draw();
    else if (width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  /** New values in the same chart. */
  refill() {
    if (!this.plot) return;
    this.keys.forEach(({ line, value }) => { value.hidden = !this.isShown(line); });
    this.plot.batch(() => {
      this.lines.forEach((line, index) => this.plot.setSeries(index + 1, { show: this.isShown(line) }));
      this.plot.setData(this.data());
    });
  }

  draw() {
    this.plot?.destroy();
    this.plot = null;
    this.wasLog = this.isLog;
    this.unit.textContent = `${this.chart.unit}${this.isLog ? ", logarithmic" : ""}`;
    const width = this.frame.clientWidth;
    if (!width) return;
    const { all } = this;
    const decades = (plot, splits) => {
      const stride = Math.ceil(Math.log10(plot.scales.y.max / plot.scales.y.min) / 5);
      return splits.map((value) => {
        const power = Math.log10(value);
        return Math.abs(power - Math.round(power)) < 1e-6 && Math.round(power) % stride === 0 ? value : null;
      });
    };
    const sparse = this.isLog ? { filter: decades } : {};
    const axis = {
      stroke: () => all.colour("quiet"),
      grid: { stroke: () => all.colour("rule"), width: 1 },
      ticks: { stroke: () => all.colour("rule"), width: 1, size: 4 },
      font: "12px system-ui, sans-serif",
      values: (_, splits) => splits.map((value) => (value === null ? "" : tick(value))),
    };
    const shared = (type) => type === "mousemove" || type === "mouseleave";
    this.plot = new uPlot({
      width,
      height: HEIGHT,
      padding: [18, 16, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false },
        sync: { key: all.key, scales: ["x", null], filters: { pub: shared, sub: shared } },
        bind: { dblclick: () => () => all.zoomTo(null) },
        points: { size: 7 },
      },
      scales: {
        x: { time: false, range: () => all.range },
        y: { distr: this.isLog ? 3 : 1, range: (_, low, high) => this.span(low, high) },
      },
      axes: [
        { ...axis, size: 26, gap: 2, incrs: WHOLE_STEPS, space: 60, grid: { show: false } },
        { ...axis, ...sparse, grid: { ...axis.grid, ...sparse }, ticks: { ...axis.ticks, ...sparse }, size: 50, gap: 3, space: 34 },
      ],
      series: [{}, ...this.lines.map((line) => this.series(line))],
      hooks: {
        drawClear: [(plot) => this.drawBand(plot)],
        draw: [(plot) => this.drawSigns(plot)],
        setCursor: [(plot) => this.read(plot)],
        setSelect: [(plot) => this.select(plot)],
      },
    }, this.data(), this.frame);
    this.plot.over.style.touchAction = "pan-y";
  }

  series(line) {
    const colour = () => this.all.colour(this.look(line));
    const { dash, is_faint: isFaint, has_dots: hasDots } = line.curve;
    const isAlone = known(line.values).length === 1;
    return {
      label: this.name(line),
      stroke: colour,
      width: isFaint ? 1 : 2,
      alpha: isFaint ? 0.55 : 1,
      dash: isFaint ? [] : DASHES[dash],
      show: this.isShown(line),
      points: { show: isAlone || (hasDots && line.values.length <= MOST_DOTS), size: 6, width: 0, stroke: colour, fill: colour },
    };
  }

  /** The ends of the axis of values: all that is in sight, and what the chart always covers. */
  span(low, high) {
    const { shown } = this.chart;
    if (this.isLog) {
      const power = low === null ? 0 : Math.floor(Math.log10(low));
      return [10 ** power, 10 ** Math.max(power + 1, low === null ? 0 : Math.ceil(Math.log10(high)))];
    }
    const values = [low, high, ...shown].filter((value) => value !== null);
    const [least, most] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
    const room = most > least ? 0.04 * (most - least) : Math.max(0.1 * Math.abs(least), 0.05);
    return [least - room, most + room];
  }

  /** A drag across the chart shows that stretch, in all charts. */
  select(plot) {
    const { left, width } = plot.select;
    if (!width) return;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (width > 3) this.all.zoomTo([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
  }

  /** The values at the pointer: in the legend of every chart, and as a line of text in the one that is pointed at. */
  read(plot) {
    const isOver = plot.cursor.left >= 0;
    const step = isOver ? plot.posToVal(plot.cursor.left, "x") : 0;
    const [first, last] = this.all.range;
    const reach = NEAR * (last - first);
    const valueAt = ({ steps, values }) => (step >= steps[0] - reach && step <= steps.at(-1) + reach ? values[nearest(steps, step)] : null);
    for (const { line, value } of this.keys ?? []) {
      const found = isOver ? valueAt(line) : known(line.values).at(-1);
      value.textContent = found === null ? "" : short(found);
    }
    if (!this.isRead) return;
    const parts = this.lines.filter((line) => this.isShown(line)).map((line) => [this.name(line), valueAt(line)]);
    const found = parts.filter(([, value]) => value !== null).map(([name, value]) => `${name} ${short(value)}`);
    const marks = this.marks().filter(([, mark]) => Math.abs(mark.step - step) <= reach / 3).map(([, mark]) => `${mark.sign}: ${mark.text}`);
    this.readout.textContent = isOver ? `step ${Math.round(step)}: ${[...found, ...marks].join(" · ") || "nothing"}` : "";
  }

  point(left) {
    this.isRead = true;
    this.plot.setCursor({ left: Math.min(Math.max(left, 0), this.plot.over.clientWidth), top: 1 }, true, true);
  }

  leave() {
    this.isRead = false;
    this.readout.textContent = "";
    this.plot?.setCursor({ left: -10, top: -10 }, true, true);
  }

  press(event) {
    const { plot } = this;
    const keys = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity, "+": 0.5, "=": 0.5, "-": 2, 0: null, Escape: null };
    if (!plot || !(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [first, last] = this.all.range;
    const isOver = plot.cursor.left >= 0;
    const step = isOver ? plot.posToVal(plot.cursor.left, "x") : last;
    const value = keys[event.key];
    if (value === null) this.all.zoomTo(null);
    else if (event.key.startsWith("Arrow") || Math.abs(value) === Infinity) {
      const stops = plot.data[0].filter((stop) => stop >= first && stop <= last);
      if (!stops.length) return;
      const move = value * Math.max(1, Math.round(stops.length / 60));
      const place = isOver ? nearest(stops, step) + move : value === -Infinity ? 0 : stops.length - 1;
      this.point(plot.valToPos(stops[Math.min(Math.max(place, 0), stops.length - 1)], "x"));
    } else {
      this.all.zoomTo([step - value * (step - first), step + value * (last - step)]);
      this.point(plot.valToPos(step, "x"));
    }
  }

  marks() {
    return this.all.data.runs.flatMap((run, index) => (this.all.hidden.has(index) ? [] : run.marks.map((mark) => [index, mark])));
  }

  drawBand(plot) {
    const { ctx, bbox } = plot;
    const [low, high] = this.chart.band ?? [];
    if (low === undefined) return;
    const place = (value) => Math.min(Math.max(plot.valToPos(value, "y", true), bbox.top), bbox.top + bbox.height);
    ctx.fillStyle = this.all.colour("band");
    ctx.fillRect(bbox.left, place(high), bbox.width, place(low) - place(high));
  }

  /** Names of the band and of thresholds, and a line with a letter where something happened. */
  drawSigns(plot) {
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    const write = (text, x, y, align, colour, weight = "") => {
      ctx.font = `${weight} ${11 * ratio}px system-ui, sans-serif`;
      ctx.textAlign = align;
      ctx.strokeStyle = this.all.colour("paper");
      ctx.lineWidth = 3 * ratio;
      ctx.lineJoin = "round";
      ctx.strokeText(text, x, y);
      ctx.fillStyle = this.all.colour(colour);
      ctx.fillText(text, x, y);
    };
    const rule = (x0, y0, x1, y1, colour, dash) => {
      ctx.beginPath();
      ctx.setLineDash(dash.map((length) => length * ratio));
      ctx.strokeStyle = this.all.colour(colour);
      ctx.lineWidth = ratio;
      ctx.moveTo(x0, y0);
      ctx.lineTo(x1, y1);
      ctx.stroke();
      ctx.setLineDash([]);
    };
    const [right, bottom] = [bbox.left + bbox.width, bbox.top + bbox.height];
    const place = (value) => plot.valToPos(value, "y", true);
    ctx.save();
    ctx.textBaseline = "alphabetic";
    // Names of near lines stand side by side.
    const columns = [[right - 4 * ratio, "right"], [bbox.left + bbox.width / 2, "center"], [bbox.left + 4 * ratio, "left"]];
    let before = -Infinity;
    let column = 0;
    for (const [value, text] of [...this.chart.thresholds].sort((one, other) => other[0] - one[0])) {
      const y = place(value);
      if (!(y >= bbox.top - 1 && y <= bottom + 1)) continue;
      column = y - before < 0.1 * bbox.height ? (column + 1) % columns.length : 0;
      before = y;
      rule(bbox.left, y, right, y, "quiet", [4, 3]);
      write(text, columns[column][0], y - 3 * ratio, columns[column][1], "quiet");
    }
    if (this.chart.band) {
      const y = Math.max(place(this.chart.band[1]), bbox.top) + 12 * ratio;
      if (y < bottom) write(this.chart.band[2], right - 4 * ratio, y, "right", "quiet");
    }
    for (const [run, mark] of this.marks()) {
      const x = plot.valToPos(mark.step, "x", true);
      if (x < bbox.left || x > right) continue;
      const colour = this.all.look(run) ?? "b";
      rule(x, bbox.top, x, bottom, colour, []);
      write(mark.sign, x, bbox.top - 4 * ratio, "center", colour, "bold");
    }
    ctx.restore();
  }

  /** The table, where it is open: validations, or training steps where nothing else is there; of many every so many. */
  fill() {
    if (!this.details.open) return;
    const dotted = this.lines.filter((line) => line.curve.has_dots);
    const lines = dotted.length ? dotted : this.lines;
    const steps = [...new Set(lines.flatMap((line) => line.steps))].sort((one, other) => one - other);
    const stride = Math.ceil(steps.length / MOST_ROWS);
    const rows = steps.filter((_, index) => (steps.length - 1 - index) % stride === 0);
    const cell = (line, step) => {
      const value = line.values[line.steps.indexOf(step)];
      return make("td", { textContent: value === undefined || value === null ? "" : short(value) });
    };
    const head = ["step", ...lines.map((line) => this.name(line))].map((text) => make("th", { scope: "col", textContent: text }));
    this.table.replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...rows.map((step) => make("tr", {}, make("th", { scope: "row", textContent: String(step) }), ...lines.map((line) => cell(line, step)))))));
  }
}
