// Values: the run, what is looked at now, and numbers as text.

const run = JSON.parse(document.getElementById("run").textContent);
const byName = new Map(run.nodes.map((node) => [node.name, node]));
const now = { step: 0, chosen: run.nodes[0].name, hidden: new Set(), start: 0, end: 1 };
let series = [];

const BAND = 1.6448536269514722; // of a standard Gaussian, 90 % lie within this

function valuesOf(node, field, part = 0) {
  const found = node.fields[field];
  return found && found.series.length > part ? series[found.series[part]] : null;
}

// The series that stands for a node: an input's prediction, any other's belief.
function mainOf(node, part = 0) {
  const predicted = predicts(node) && valuesOf(node, `predicted_${node.main}`, part);
  return predicted || valuesOf(node, node.main, part);
}

// An input that leaves learning to its parents: its mean is what was observed.
function predicts(node) {
  return node.role === "input" && !node.learner;
}

function partsOf(node) {
  return node.main ? node.fields[node.main].series.length : 0;
}

// Half the width of a standard deviation at a step; null where the belief is not a Gaussian.
function spreadAt(node, step) {
  const precision = precisionOf(node);
  return precision && 1 / Math.sqrt(precision[step]);
}

function precisionOf(node) {
  if (node.form === "band") return valuesOf(node, "precision");
  return node.form === "reading" ? valuesOf(node, "predicted_precision") : null;
}

function observedAt(node, step) {
  const mask = valuesOf(node, "observed");
  return !mask || mask[step] !== 0;
}

// When a step is, in words.
function timeAt(step) {
  const value = series[run.time][step];
  return run.dates ? new Date(1000 * value).toISOString().replace("T", " ").replace(/( 00:00)?:00\.000Z$/, "") : short(value, 6);
}

// Where round times lie between two steps, and how they are written; of dates, those of steps evenly apart.
function timeTicks(start, end) {
  const most = 6, times = series[run.time], first = Math.ceil(start), last = Math.floor(end);
  if (run.dates || !(times[last] > times[first])) {
    const apart = Math.max(Math.ceil((last - first) / most), 1), found = [];
    for (let step = first; step <= last; step += apart) found.push([step, timeAt(step)]);
    return found;
  }
  const rough = (times[last] - times[first]) / most, power = 10 ** Math.floor(Math.log10(rough));
  const apart = power * [1, 2, 5, 10].find((digit) => digit * power >= rough), found = [];
  for (let count = Math.ceil(times[first] / apart), step = first; count * apart <= times[last]; count++) {
    const time = count * apart;
    while (step < last && times[step + 1] < time) step++;
    const passed = step < last && times[step + 1] > times[step] ? (time - times[step]) / (times[step + 1] - times[step]) : 0;
    found.push([step + Math.min(Math.max(passed, 0), 1), short(time, 6)]);
  }
  return found;
}

// Few digits, a true minus sign, and a dash for what is not there.
function short(value, digits = 4) {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size !== 0 && (size >= 1e6 || size < 1e-4) ? value.toExponential(digits - 2) : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−").replace("e−", "e-");
}

function labelled(parts, part, shape) {
  if (parts === 1) return "";
  if (shape.length < 2) return `[${part}]`;
  const places = [];
  for (let axis = shape.length - 1, rest = part; axis >= 0; axis--) {
    places.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return `[${places.join(",")}]`;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
