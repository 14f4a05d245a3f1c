// Start: everything is unpacked, then drawn for the first time.

function trouble(text) {
  const place = document.getElementById("trouble");
  place.hidden = false;
  place.textContent = text;
}

// What the address asks for, as in run.html#step=60&node=x2; else the highest state, at the first step.
function firstChosen() {
  const asked = new URLSearchParams(location.hash.slice(1)), step = asked.get("step"), name = asked.get("node");
  if (step !== null && !/^\d+$/.test(step)) trouble(`The address asks for step ${step}, which is no step.`);
  else if (step !== null) now.step = Math.min(Number(step), run.steps - 1);
  if (name !== null && !byName.has(name)) trouble(`The address asks for node ${name}, which is not on this page.`);
  else if (name !== null) return name;
  return (run.nodes.find((node) => node.role === "state") ?? run.nodes[0]).name;
}

// An address that is changed by hand is gone to.
function goToAddress() {
  const asked = new URLSearchParams(location.hash.slice(1)), name = asked.get("node");
  if (/^\d+$/.test(asked.get("step") ?? "")) now.step = Math.min(Number(asked.get("step")), run.steps - 1);
  choose(byName.has(name) ? name : now.chosen);
}

async function start() {
  if (typeof DecompressionStream === "undefined") {
    trouble("This browser is too old to read the page: it lacks DecompressionStream, which all have had since 2023.");
    return;
  }
  [series] = await Promise.all([unpackedSeries(run), loadCharts()]);
  slider.max = exact.max = run.steps - 1;
  now.end = Math.max(run.steps - 1, 1);
  document.getElementById("bokeh").textContent = run.bokeh;
  if (!run.status.well) trouble(run.status.message);
  drawGraph();
  drawLegend();
  const choice = document.getElementById("choice");
  choice.append(...run.nodes.map((node) => element("option", { value: node.name }, node.name)));
  listTrajectories();
  setStretch(0, run.steps - 1);
  await choose(firstChosen());
  addEventListener("hashchange", goToAddress);
  document.documentElement.dataset.ready = "yes";
}

start().catch((error) => {
  trouble(`The page could not be read: ${error.message}`);
  throw error;
});
