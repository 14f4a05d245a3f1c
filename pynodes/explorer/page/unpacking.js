// Unpacking: gzip in base64 as bytes, numbers in order of rank as typed arrays, the charts' library.

async function inflated(id) {
  const holder = document.getElementById(id);
  const bytes = Uint8Array.from(atob(holder.textContent.trim()), (letter) => letter.charCodeAt(0));
  holder.remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function unpackedSeries(run) {
  const ranks = await inflated("numbers");
  const Numbers = run.number === "float64" ? Float64Array : Float32Array;
  const width = Numbers.BYTES_PER_ELEMENT, count = ranks.length / width;
  const bytes = new Uint8Array(ranks.length);
  for (let rank = 0; rank < width; rank++) {
    for (let place = 0; place < count; place++) bytes[place * width + rank] = ranks[rank * count + place];
  }
  return Array.from({ length: run.count }, (_, k) => new Numbers(bytes.buffer, k * run.steps * width, run.steps));
}

async function loadCharts() {
  const script = document.createElement("script");
  script.textContent = new TextDecoder().decode(await inflated("library"));
  document.head.append(script);
}
