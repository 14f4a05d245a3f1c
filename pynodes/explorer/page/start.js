// Start: everything is unpacked, then drawn for the first time.

function trouble(text) {
  const place = document.getElementById("trouble");
  place.hidden = false;
  place.textContent = text;
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
  const first = run.nodes.find((node) => node.role === "state") ?? run.nodes[0];
  setStretch(0, run.steps - 1);
  await choose(first.name);
  document.documentElement.dataset.ready = "yes";
}

start().catch((error) => {
  trouble(`The page could not be read: ${error.message}`);
  throw error;
});
