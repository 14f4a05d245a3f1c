// Theme: light or dark, as the system has it until somebody chooses.

const system = matchMedia("(prefers-color-scheme: dark)");
const repainted = [];
let own = null;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function isDark() {
  return own === null ? system.matches : own;
}

function applyTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  document.getElementById("dark").setAttribute("aria-pressed", String(isDark()));
  for (const repaint of repainted) repaint();
}

document.getElementById("dark").addEventListener("click", () => {
  own = !isDark();
  applyTheme();
});
system.addEventListener("change", applyTheme);
applyTheme();

// A colour between three, at a place from 0 to 1.
function blended(stops, place) {
  const at = Math.min(Math.max(place, 0), 1) * (stops.length - 1), left = Math.min(Math.floor(at), stops.length - 2);
  const mixed = stops[left].map((one, channel) => Math.round(one + (at - left) * (stops[left + 1][channel] - one)));
  return `rgb(${mixed.join(",")})`;
}

function channels(name) {
  const hex = colour(name).slice(1);
  return [0, 2, 4].map((start) => parseInt(hex.slice(start, start + 2), 16));
}
