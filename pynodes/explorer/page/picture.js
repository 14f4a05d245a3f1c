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

async function picture() {
  const scale = 2, wide = 1240, left = 560, graph = await graphImage();
  const shrink = Math.min(1, (left - 40) / graph.width), seen = chosen.charts.map((chart) => [chart, chart.view.export("png", true).canvas]);
  const tall = Math.max(110 + graph.height * shrink, 120 + seen.length * 270 + 20);
  const canvas = element("canvas");
  canvas.width = wide * scale;
  canvas.height = tall * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.fillStyle = colour("panel");
  pen.fillRect(0, 0, wide, tall);
  const write = (text, x, y, size, weight = 400) => {
    pen.fillStyle = colour("ink");
    pen.font = `${weight} ${size}px system-ui, sans-serif`;
    pen.fillText(text, x, y, wide - x - 20);
  };
  write(run.title, 20, 34, 20, 600);
  write(nowInWords(), 20, 60, 14);
  pen.drawImage(graph, 20, 90, graph.width * shrink, graph.height * shrink);
  seen.forEach(([chart, image], place) => {
    const top = 90 + place * 270, room = wide - left - 20, high = Math.min((room * image.height) / image.width, 245);
    write(chart.picture.label, left, top + 8, 14, 600);
    pen.drawImage(image, left, top + 16, room, high);
    drawCursor(pen, chart, left, top + 16, room, high);
  });
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
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
