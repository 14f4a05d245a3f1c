// Thinning: the steps that draw some series over a stretch of time, extremes and gaps kept.

const MOST = 1600;

function thinnedSteps(lines, start, end) {
  const from = Math.max(Math.floor(start) - 1, 0), to = Math.min(Math.ceil(end) + 1, run.steps - 1);
  const count = to - from + 1;
  if (count <= MOST) return Array.from({ length: count }, (_, place) => from + place);
  const bins = Math.max(Math.floor(MOST / (2 * lines.length)), 50), kept = new Set([from, to]);
  for (let bin = 0; bin < bins; bin++) {
    const first = from + Math.floor((bin * count) / bins), past = from + Math.floor(((bin + 1) * count) / bins);
    for (const line of lines) {
      let low = -1, high = -1, gap = -1;
      for (let step = first; step < past; step++) {
        const value = line[step];
        if (!Number.isFinite(value)) gap = step;
        else {
          if (low < 0 || value < line[low]) low = step;
          if (high < 0 || value > line[high]) high = step;
        }
      }
      for (const step of [low, high, gap]) if (step >= 0) kept.add(step);
    }
  }
  return [...kept].sort((one, other) => one - other);
}
