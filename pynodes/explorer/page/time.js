// Time: the step that is looked at, by slider, buttons, keys and play.

const slider = document.getElementById("slider"), exact = document.getElementById("exact"), said = document.getElementById("now");
const still = matchMedia("(prefers-reduced-motion: reduce)");
let playing = null;

function setStep(step) {
  if (!Number.isFinite(step)) return;
  now.step = Math.min(Math.max(Math.round(step), 0), run.steps - 1);
  update();
}

function update() {
  slider.value = now.step;
  if (document.activeElement !== exact) exact.value = now.step;
  slider.setAttribute("aria-valuetext", `step ${now.step} of ${run.steps - 1}`);
  said.textContent = nowInWords();
  document.getElementById("first").disabled = document.getElementById("back").disabled = now.step === 0;
  document.getElementById("last").disabled = document.getElementById("forth").disabled = now.step === run.steps - 1;
  updateGraph();
  updateTables();
  pointAll();
  followAddress();
}

// The address says what is seen, so that it can be copied; pages inside others have none of their own.
let following = null;
function followAddress() {
  if (following !== null || !/^(file|https?):$/.test(location.protocol)) return;
  following = setTimeout(() => {
    following = null;
    const seen = new URLSearchParams({ step: now.step, node: now.chosen });
    if (`#${seen}` !== location.hash) history.replaceState(null, "", `#${seen}`);
  }, 250);
}

const TOLD = 6;

function nowInWords() {
  const parts = [`Step ${now.step} of ${run.steps - 1}`];
  if (run.time !== null) parts.push(`${run.time_name} ${timeAt(now.step)}`);
  const inputs = run.nodes.filter((node) => node.role === "input");
  for (const node of inputs.slice(0, TOLD)) {
    parts.push(observedAt(node, now.step) ? `${node.name} ${sawWhat(node, now.step)}` : `${node.name} not observed`);
  }
  if (inputs.length > TOLD) parts.push(`${inputs.length - TOLD} more inputs`);
  for (const { name, place } of run.responses.slice(0, TOLD)) parts.push(`${name} ${short(series[place][now.step], 4)}`);
  parts.push(`surprise ${short(series[run.surprise][now.step], 4)} nats`);
  if (run.status.broken !== null && now.step >= run.status.broken) parts.push("beliefs had broken down and are held");
  return `${parts.join(" · ")}.`;
}

function play(on) {
  if (playing !== null) clearInterval(playing);
  playing = on ? setInterval(() => (now.step < run.steps - 1 ? setStep(now.step + 1) : play(false)), still.matches ? 400 : 80) : null;
  const button = document.getElementById("play");
  button.setAttribute("aria-pressed", String(on));
  button.textContent = on ? "Pause" : "Play";
  said.setAttribute("aria-live", on ? "off" : "polite");
}

function togglePlay() {
  if (playing === null && now.step === run.steps - 1) setStep(0);
  play(playing === null);
}

const leap = () => Math.max(Math.round(run.steps / 20), 1);
const ANYWHERE = {
  ArrowLeft: (event) => setStep(now.step - (event.shiftKey ? 10 : 1)),
  ArrowRight: (event) => setStep(now.step + (event.shiftKey ? 10 : 1)),
};
const WITHIN = {
  Home: () => setStep(0),
  End: () => setStep(run.steps - 1),
  PageUp: () => setStep(now.step + leap()),
  PageDown: () => setStep(now.step - leap()),
  p: togglePlay,
  "+": () => zoomBy(0.5),
  "-": () => zoomBy(2),
  "−": () => zoomBy(2),
  0: () => setStretch(0, run.steps - 1),
};

// Keys that pages scroll by, and letters, count only where the time, the graph or the node has the focus.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input[type=number]")) return;
  const within = event.target.closest(".time, #graph, #chosen") && !event.target.matches("input[type=checkbox]");
  const act = ANYWHERE[event.key] ?? (within ? WITHIN[event.key] : undefined);
  if (!act) return;
  event.preventDefault();
  act(event);
});

slider.addEventListener("input", () => setStep(slider.valueAsNumber));
exact.addEventListener("input", () => setStep(exact.valueAsNumber));
exact.addEventListener("blur", update);
document.getElementById("first").addEventListener("click", () => setStep(0));
document.getElementById("back").addEventListener("click", () => setStep(now.step - 1));
document.getElementById("forth").addEventListener("click", () => setStep(now.step + 1));
document.getElementById("last").addEventListener("click", () => setStep(run.steps - 1));
document.getElementById("play").addEventListener("click", togglePlay);
