// Picture: what is seen now as one PNG, to the clipboard or, where that is closed, to a file.

const STYLED = ["fill", "stroke", "stroke-width", "stroke-dasharray", "font", "paint-order", "display", "stroke-linejoin"];

async function graphImage() {
  const seen = drawing.querySelector("svg"), copy = seen.cloneNode(true);
  const originals = [seen, ...seen.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((part, place) => {
    const style = getComputedStyle(originals[place]);
    part.setAttribute("style", STYLED.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
  });
  copy.setAttribute("width", run.size[0]);
  copy.setAttribute("height", run.size[1]);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return image;
}

const WIDE = 1240, EDGE = 20;

// The graph to the left of the charts, or above them if it is wide.
async function picture() {
  const scale = 2, graph = await graphImage(), above = graph.width > 700;
  const shrink = Math.min(1, (above ? WIDE - 2 * EDGE : 520) / graph.width);
  const left = above ? EDGE : 560, room = WIDE - left - EDGE, graphEnd = 84 + graph.height * shrink;
  const seen = chosen.charts.map((chart) => ({ chart, image: chart.view.export("png", true).canvas }));
  for (const one of seen) one.high = (room * one.image.height) / one.image.width;
  const top = above ? graphEnd + 16 : 100, chartsEnd = seen.reduce((sum, { high }) => sum + high + 62, top);
  const canvas = element("canvas");
  canvas.width = WIDE * scale;
  canvas.height = Math.ceil((Math.max(graphEnd, chartsEnd - 30) + 34) * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.fillStyle = colour("panel");
  pen.fillRect(0, 0, WIDE, canvas.height);
  write(pen, run.title, EDGE, 34, 20, 600);
  write(pen, nowInWords(), EDGE, 60, 14);
  pen.drawImage(graph, EDGE, 84, graph.width * shrink, graph.height * shrink);
  let down = top;
  for (const { chart, image, high } of seen) {
    write(pen, chart.picture.label, left, down, 14, 600);
    writeKey(pen, chart.picture, left, down + 20);
    pen.drawImage(image, left, down + 28, room, high);
    drawCursor(pen, chart, left, down + 28, room, high);
    down += high + 62;
  }
  write(pen, numbersInWords(), EDGE, canvas.height / scale - 14, 13);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function write(pen, text, x, y, size, weight = 400, name = "ink") {
  pen.fillStyle = colour(name);
  pen.font = `${weight} ${size}px system-ui, sans-serif`;
  pen.fillText(text, x, y, WIDE - x - EDGE);
  return pen.measureText(text).width;
}

function writeKey(pen, { lines = [] }, left, y) {
  if (lines.length < 2) return;
  let x = left;
  for (const line of lines.slice(0, LINES)) {
    pen.fillStyle = colour(line.colour);
    pen.fillRect(x, y - 5, 18, 3);
    x += 24 + write(pen, line.name, x + 22, y, 12) + 14;
  }
}

function numbersInWords() {
  const cells = [...document.querySelectorAll("#fields tr")].slice(0, 9);
  const said = cells.map((row) => [...row.children].map((part) => part.textContent).join(" ")).filter((text) => text !== "field value");
  return `${now.chosen}: ${said.join(" · ")}`;
}

function drawCursor(pen, chart, left, top, wide, high) {
  const place = (now.step - now.start) / (now.end - now.start);
  if (place < 0 || place > 1) return;
  const box = chart.view.frame.bbox, whole = chart.view.bbox;
  const x = left + ((box.left + place * box.width) / whole.width) * wide;
  pen.fillStyle = colour("focus");
  pen.fillRect(x - 1, top + (box.top / whole.height) * high, 2, (box.height / whole.height) * high);
}

async function copyPicture() {
  const made = await picture();
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": made })]);
    return "The picture is on the clipboard.";
  } catch {
    const link = element("a", { download: `step_${now.step}.png`, href: URL.createObjectURL(made) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    return `The picture was saved as ${link.download}.`;
  }
}

document.getElementById("copy").addEventListener("click", async () => {
  said.textContent = await copyPicture();
});
