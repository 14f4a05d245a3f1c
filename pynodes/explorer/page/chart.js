// Chart: one picture of series over time, by Bokeh; all charts show the same stretch of it.

const charts = new Set();

class Chart {
  // A picture has lines, bands and points, each with values and a colour; stretches without observation; a label.
  constructor(host, picture) {
    this.host = host;
    this.picture = picture;
    this.layers = [];
    this.range = new Bokeh.Range1d({ start: now.start, end: now.end });
    this.limits = new Bokeh.Range1d({ start: 0, end: 1 });
    this.figure = Bokeh.Plotting.figure({
      sizing_mode: "stretch_both", x_range: this.range, y_range: this.limits, toolbar_location: null,
      tools: [], min_border_left: 62, min_border_right: 14, min_border_top: 6, outline_line_color: null,
    });
    const zoom = new Bokeh.BoxZoomTool({ dimensions: "width" });
    this.figure.add_tools(zoom);
    this.figure.toolbar.active_drag = zoom;
    this.figure.on_event("tap", (event) => setStep(Math.round(event.x)));
    this.figure.on_event("doubletap", () => setStretch(0, run.steps - 1));
    for (const end of ["start", "end"]) this.range.properties[end].change.connect(() => this.zoomed());
    this.addLayers();
    this.refresh();
    host.replaceChildren();
    host.setAttribute("role", "img");
    this.cursor = element("div", { class: "cursor" });
    this.dragging(host);
    charts.add(this);
    this.ready = Bokeh.Plotting.show(this.figure, host).then((view) => {
      this.view = view;
      host.append(this.cursor);
      this.point();
    });
  }

  addLayers() {
    const { bands = [], lines = [], points = [], gaps = [] } = this.picture;
    const source = () => new Bokeh.ColumnDataSource({ data: { x: [], y: [], low: [], high: [] } });
    const add = (data, renderer, colours, reads, thinned) => this.layers.push({ data, renderer, colours, reads, thinned });
    if (gaps.length) {
      const data = new Bokeh.ColumnDataSource({ data: { x0: gaps.map(([a]) => a), x1: gaps.map(([, b]) => b) } });
      const strips = this.figure.vstrip({ field: "x0" }, { field: "x1" }, { source: data, line_color: null });
      this.layers.push({ data, renderer: strips, colours: { fill_color: "gap", hatch_color: "gap" } });
    }
    for (const { low, high, colour } of bands) {
      const data = source();
      const area = this.figure.varea({ field: "x" }, { field: "low" }, { field: "high" }, { source: data, fill_alpha: 0.22 });
      add(data, area, { fill_color: colour }, { low, high }, [low, high]);
    }
    for (const { values, colour } of lines) {
      const data = source();
      const line = this.figure.line({ field: "x" }, { field: "y" }, { source: data, line_width: 1.7 });
      add(data, line, { line_color: colour }, { y: values }, [values]);
    }
    for (const { values, colour, alone } of points) {
      const data = source(), size = alone ? 6 : 5;
      const dots = this.figure.scatter({ field: "x" }, { field: "y" }, { source: data, size, line_color: null, fill_alpha: 0.75 });
      add(data, dots, { fill_color: colour }, { y: values }, [values]);
    }
  }

  // A tap that ends a drag is no click on a step.
  dragging(host) {
    host.addEventListener("pointerdown", () => { this.last = now.start; });
  }

  zoomed() {
    if (this.range.start === now.start && this.range.end === now.end) return;
    if (!this.settling) setStretch(this.range.start, this.range.end);
  }

  refresh() {
    for (const layer of this.layers.filter((layer) => layer.reads)) {
      const steps = thinnedSteps(layer.thinned, now.start, now.end), data = { x: steps };
      for (const [field, values] of Object.entries(layer.reads)) data[field] = steps.map((step) => values[step]);
      layer.data.data = data;
    }
    const [low, high] = limitsOf(this.picture, Math.max(Math.floor(now.start), 0), Math.min(Math.ceil(now.end), run.steps - 1));
    this.settling = true;
    this.limits.setv({ start: low, end: high });
    this.range.setv({ start: now.start, end: now.end });
    this.settling = false;
    if (run.time !== null) for (const axis of this.figure.below) writeTimes(axis, this.figure);
    this.paint();
    requestAnimationFrame(() => this.point());
  }

  paint() {
    for (const { renderer, colours } of this.layers) {
      for (const [what, name] of Object.entries(colours)) if (what in renderer.glyph.properties) renderer.glyph[what] = colour(name);
    }
    const ground = colour("panel"), ink = colour("ink"), faint = colour("faint"), rule = colour("rule");
    this.figure.setv({ background_fill_color: ground, border_fill_color: ground });
    for (const axis of [...this.figure.below, ...this.figure.left]) {
      if (!axis.properties.major_label_text_color) continue;
      axis.setv({ major_label_text_color: ink, axis_line_color: rule, major_tick_line_color: rule, minor_tick_line_color: null, major_label_text_font_size: "12px" });
      if (axis.ticker?.properties.desired_num_ticks) axis.ticker.desired_num_ticks = this.figure.left.includes(axis) ? 4 : 8;
    }
    for (const grid of this.figure.center) if (grid.properties.grid_line_color) grid.grid_line_color = faint;
    this.figure.setv({ outline_line_color: null });
  }

  // The cursor stands at the step; nothing is drawn again for it.
  point() {
    if (!this.view || !this.host.isConnected) return;
    const box = this.view.frame.bbox, place = (now.step - now.start) / (now.end - now.start);
    this.cursor.style.display = place < 0 || place > 1 ? "none" : "";
    this.cursor.style.height = `${box.height}px`;
    this.cursor.style.transform = `translate(${(box.left + place * box.width - 1).toFixed(1)}px, ${box.top}px)`;
  }

  remove() {
    charts.delete(this);
    const gone = () => { this.view.remove(); };
    this.ready.then(gone);
    this.cursor.remove();
  }
}

// The horizontal axis in the units of time, whatever the steps between.
function writeTimes(axis, figure) {
  const ticks = timeTicks(now.start, now.end), ticker = new Bokeh.FixedTicker({ ticks: ticks.map(([at]) => at) });
  axis.setv({ ticker, major_label_overrides: new Map(ticks) });
  for (const grid of figure.center) if (grid.dimension === 0) grid.ticker = ticker;
}

// Limits of the vertical axis over a stretch; a band that grows very wide is cut, so that the mean stays readable.
function limitsOf(picture, from, to) {
  let low = Infinity, high = -Infinity;
  const see = (value) => {
    if (value < low && value > -Infinity) low = value;
    if (value > high && value < Infinity) high = value;
  };
  for (const { values } of [...(picture.lines ?? []), ...(picture.points ?? [])]) {
    for (let step = from; step <= to; step++) see(values[step]);
  }
  for (const band of picture.bands ?? []) {
    const usual = usualWidth(band, from, to), [least, most] = [low - usual, high + usual];
    const room = most - least, [floor, ceiling] = [least - 0.5 * room, most + 0.5 * room];
    for (let step = from; step <= to; step++) {
      see(room ? Math.max(band.low[step], floor) : band.low[step]);
      see(room ? Math.min(band.high[step], ceiling) : band.high[step]);
    }
  }
  if (!(high >= low)) return [0, 1];
  const margin = high > low ? 0.06 * (high - low) : 0.5 * (Math.abs(high) || 1);
  return [low - margin, high + margin];
}

// The median of half a band's width.
function usualWidth(band, from, to) {
  const every = Math.max(Math.floor((to - from) / 500), 1), halves = [];
  for (let step = from; step <= to; step += every) halves.push((band.high[step] - band.low[step]) / 2);
  return halves.filter(Number.isFinite).sort((one, other) => one - other)[Math.floor(halves.length / 2)] ?? 0;
}

function pointAll() {
  for (const chart of charts) chart.point();
}

function setStretch(start, end) {
  const whole = Math.max(run.steps - 1, 1), least = Math.min(4, whole);
  let wide = Math.min(Math.max(end - start, least), whole);
  now.start = Math.min(Math.max(start, 0), whole - wide);
  now.end = now.start + wide;
  document.getElementById("stretch").textContent = `steps ${Math.ceil(now.start)} to ${Math.floor(now.end)}`;
  for (const chart of charts) chart.refresh();
}

function zoomBy(factor) {
  const wide = (now.end - now.start) * factor;
  const middle = factor < 1 ? now.step : (now.start + now.end) / 2;
  setStretch(middle - wide / 2, middle + wide / 2);
}

document.getElementById("closer").addEventListener("click", () => zoomBy(0.5));
document.getElementById("farther").addEventListener("click", () => zoomBy(2));
document.getElementById("whole").addEventListener("click", () => setStretch(0, run.steps - 1));
new ResizeObserver(() => requestAnimationFrame(pointAll)).observe(document.body);
repainted.push(() => { for (const chart of charts) chart.paint(); });
