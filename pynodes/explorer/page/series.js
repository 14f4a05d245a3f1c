// Series: what a node's pictures show.

const LINES = 8;
const made = new Map();

function once(key, make) {
  if (!made.has(key)) made.set(key, make());
  return made.get(key);
}

function stepwise(rule) {
  return Float64Array.from({ length: run.steps }, (_, step) => rule(step));
}

function lineColour(place) {
  return `line-${(place % LINES) + 1}`;
}

// Stretches without an observation that are long enough to be seen.
function gapsOf(node) {
  return once(`gaps ${node.name}`, () => {
    const found = run.status.broken === null ? [] : [[run.status.broken - 0.5, run.steps - 1]];
    if (!node.fields.observed) return found;
    for (let step = 0, begun = -1; step <= run.steps; step++) {
      const missing = step < run.steps && !observedAt(node, step);
      if (missing && begun < 0) begun = step;
      if (!missing && begun >= 0) {
        if (step - begun >= run.steps / 300) found.push([Math.max(begun - 0.5, 0), step - 0.5]);
        begun = -1;
      }
    }
    return found;
  });
}

// Nothing to be surprised at is no surprise of zero.
function seenOnly(node, values) {
  return once(`surprise ${node.name}`, () => stepwise((step) => (observedAt(node, step) ? values[step] : NaN)));
}

function totalSurprise() {
  const inputs = run.nodes.filter((node) => node.fields.observed), all = run.others === 0;
  return stepwise((step) => (all && !inputs.some((node) => observedAt(node, step)) ? NaN : series[run.surprise][step]));
}

function bandAround(node, middle, colour) {
  return once(`band ${node.name}`, () => ({
    low: stepwise((step) => middle[step] - BAND * spreadAt(node, step)),
    high: stepwise((step) => middle[step] + BAND * spreadAt(node, step)),
    colour,
  }));
}

function beliefPicture(node) {
  if (!node.main) return { label: `${node.name}: nothing to show`, lines: [] };
  const parts = partsOf(node), gaps = gapsOf(node);
  if (parts > 1) return severalPicture(node, parts, gaps);
  const main = mainOf(node), colour = node.role === "input" ? "input" : "value";
  const picture = { lines: [{ values: main, colour, name: "mean" }], bands: [], points: [], gaps, label: `${node.name}: mean` };
  if (precisionOf(node)) {
    picture.bands.push(bandAround(node, main, colour));
    picture.label = `${node.name}: mean and 90 % band`;
  }
  if (node.learner) {
    if (node.outcome?.series.length === 1) picture.points.push({ values: series[node.outcome.series[0]], colour: "ink" });
    picture.label = `${node.name}: what was learned${picture.points.length ? ", and outcomes" : ""}`;
  } else if (node.role === "input") {
    const seen = once(`seen ${node.name}`, () => stepwise((step) => (observedAt(node, step) ? valuesOf(node, "mean")[step] : NaN)));
    picture.points.push({ values: seen, colour: "ink" });
    picture.label = node.form === "outcome" ? `${node.name}: predicted probability, outcomes` : `${node.name}: prediction, 90 % band, observations`;
  }
  return picture;
}

function severalPicture(node, parts, gaps) {
  const shape = node.fields[node.main].shape;
  const lines = Array.from({ length: parts }, (_, part) => ({ values: mainOf(node, part), colour: lineColour(part), name: labelled(parts, part, shape) }));
  const points = [];
  if (predicts(node) && parts <= LINES) {
    for (let part = 0; part < parts; part++) {
      const seen = stepwise((step) => (observedAt(node, step) && valuesOf(node, "mean", part)[step] === 1 ? 1.06 : NaN));
      points.push({ values: seen, colour: lineColour(part), alone: true });
    }
  }
  return { lines, points, gaps, label: `${node.name}: ${predicts(node) ? "predicted, with outcomes above" : node.main}` };
}

// The rest that can be drawn of a node, by what it is called.
function quantitiesOf(node) {
  const found = new Map();
  for (const [field, { series: places, shape }] of Object.entries(node.fields)) {
    if (field === "observed") continue;
    const values = (place) => (field === "surprise" ? seenOnly(node, series[place]) : series[place]);
    const lines = places.map((place, part) => ({ values: values(place), colour: lineColour(part), name: labelled(places.length, part, shape) }));
    found.set(field, { lines, gaps: gapsOf(node), label: `${node.name}: ${field}` });
  }
  for (const [what, { edges, name, value }] of Object.entries(alongEdges(node))) {
    const lines = edges.map((edge, place) => ({ values: value(edge), colour: lineColour(place), name: name(edge) }));
    if (lines.length) found.set(what, { lines, label: `${node.name}: ${what}` });
  }
  return found;
}

function alongEdges(node) {
  const single = (what) => (edge) => edge.series[what] && edge.series[what].series.length === 1;
  const below = run.edges.filter((edge) => edge.parent === node.name), above = run.edges.filter((edge) => edge.child === node.name);
  const plain = (what) => (edge) => series[edge.series[what].series[0]];
  const pulled = valuesOf(node, "precision") && partsOf(node) === 1;
  return {
    "pull of each child": { edges: pulled ? below.filter(single("gradient")) : [], name: (edge) => edge.child, value: (edge) => pullOf(edge) },
    "precision from each child": { edges: below.filter(single("curvature")), name: (edge) => edge.child, value: plain("curvature") },
    "learning rate from each child": { edges: below.filter(single("learning_rate")), name: (edge) => edge.child, value: plain("learning_rate") },
    "correlation with each child": { edges: below.filter(single("correlation")), name: (edge) => edge.child, value: plain("correlation") },
    "correlation with each parent": { edges: above.filter(single("correlation")), name: (edge) => edge.parent, value: plain("correlation") },
    "contribution of each parent": { edges: above.filter(single("contribution")), name: (edge) => edge.parent, value: plain("contribution") },
  };
}

// How far a child moves its parent's mean.
function pullOf(edge) {
  return once(`pull ${edge.name}`, () => {
    const gradient = series[edge.series.gradient.series[0]], precision = valuesOf(byName.get(edge.parent), "precision");
    return stepwise((step) => gradient[step] / precision[step]);
  });
}
