"use strict";
/* Draws the charts of the report out of the model that stands in the page as JSON. */
(function () {
  const root = document.documentElement;
  window.addEventListener("error", (event) => { root.dataset.error = event.message; });
  const model = JSON.parse(document.getElementById("model").textContent);
  const charts = [];
  const markers = ["circle", "rectRot", "triangle", "rect", "star", "cross"];
  const color = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const sourceColor = (i) => color("s" + i);

  /* Vertical whiskers over the intervals of scatter points. */
  const whiskers = {
    id: "whiskers",
    beforeDatasetsDraw(chart) {
      const { ctx, chartArea: area, scales } = chart;
      ctx.save();
      ctx.beginPath();
      ctx.rect(area.left, area.top, area.width, area.height);
      ctx.clip();
      chart.data.datasets.forEach((set, i) => {
        if (!set.whiskers || !chart.isDatasetVisible(i)) { return; }
        ctx.strokeStyle = set.borderColor;
        ctx.globalAlpha = 0.45;
        ctx.lineWidth = 1;
        for (const point of set.data) {
          if (point.low === undefined) { continue; }
          const x = scales.x.getPixelForValue(point.x);
          const high = point.high === null ? area.top : scales.y.getPixelForValue(point.high);
          const low = point.low > 0 ? scales.y.getPixelForValue(point.low) : area.bottom;
          ctx.beginPath();
          ctx.moveTo(x, low); ctx.lineTo(x, high);
          ctx.moveTo(x - 2, low); ctx.lineTo(x + 2, low);
          ctx.moveTo(x - 2, high); ctx.lineTo(x + 2, high);
          ctx.stroke();
        }
      });
      ctx.restore();
    },
  };

  function flowName(flow) {
    const end = (address, port) => port === null ? address : (address.includes(":") ? "[" + address + "]" : address) + ":" + port;
    return flow.src === null ? flow.proto : flow.proto + " " + end(flow.src, flow.sport) + " > " + end(flow.dst, flow.dport);
  }

  const count = (value) => value.toLocaleString("en");
  const power = (value) => {
    const log = Math.log10(value);
    return Math.abs(log - Math.round(log)) < 1e-9 ? count(value) : "";
  };

  function logScale(title, min, max) {
    return { type: "logarithmic", min, max, title: { display: true, text: title }, ticks: { callback: power, maxRotation: 0 } };
  }

  /* The flows that have a truth, as points of each source. */
  function eachPoint(source, make) {
    const points = [];
    for (const flow of model.flows) {
      const said = flow.sources[source.name];
      if (said && flow.truth && flow.truth.packets > 0) {
        const point = make(flow, said);
        if (point) { points.push(Object.assign(point, { flow, said })); }
      }
    }
    return points;
  }

  function largest() {
    let most = 10;
    for (const flow of model.flows) {
      if (flow.truth) { most = Math.max(most, flow.truth.packets); }
      for (const said of Object.values(flow.sources)) { if (said) { most = Math.max(most, said.packets); } }
    }
    return Math.pow(10, Math.ceil(Math.log10(most * 1.01)));
  }

  function tooltip(item) {
    const point = item.raw;
    if (!point.flow) { return item.dataset.label; }
    const ci = point.said.ci;
    const lines = [flowName(point.flow), item.dataset.label + ": " + count(point.said.packets) + " packets, truth " + count(point.flow.truth.packets)];
    if (ci) { lines.push("95 % interval " + count(Math.round(ci[0])) + " to " + (ci[1] === null ? "?" : count(Math.ceil(ci[1])))); }
    return lines;
  }

  /* Points alone are in the legend; the lines are explained beside the chart. */
  const options = (extra) => Object.assign({
    animation: false, maintainAspectRatio: false, responsive: true,
    plugins: { legend: { position: "top", labels: { usePointStyle: true, boxWidth: 8, boxHeight: 8 } }, tooltip: { callbacks: { label: tooltip } } },
  }, extra);

  function scatterSet(source, i, data) {
    return { type: "scatter", label: source.title, data, borderColor: sourceColor(i), backgroundColor: sourceColor(i),
      pointStyle: markers[i % markers.length], pointRadius: 4, clip: 6, whiskers: source.sampling_rate > 1 };
  }

  function lineSet(label, data, stroke, dash) {
    return { type: "line", label, data, borderColor: stroke, backgroundColor: stroke, borderWidth: 1.5, borderDash: dash,
      pointRadius: 0, pointHitRadius: 0, pointStyle: "line", fill: false };
  }

  function drawScatter() {
    const top = largest();
    const sets = model.sources.map((source, i) => scatterSet(source, i, eachPoint(source, (flow, said) => ({
      x: flow.truth.packets, y: Math.max(said.packets, 0.7), low: said.ci ? said.ci[0] : undefined, high: said.ci ? said.ci[1] : undefined }))));
    sets.push(lineSet("estimate = truth", [{ x: 0.7, y: 0.7 }, { x: top, y: top }], color("truth"), [6, 4]));
    return { type: "scatter", plugins: [whiskers], data: { datasets: sets },
      options: options({ scales: { x: logScale("true packets of the flow", 0.7, top), y: logScale("packets that the source says", 0.7, top) } }) };
  }

  /* Where lines differ by their dashes the legend shows these, in lines that are long enough for it: a point's
   * style, which Chart.js takes, has none. */
  const lineLabels = { usePointStyle: true, pointStyleWidth: 24, boxWidth: 8, boxHeight: 8,
    generateLabels: (chart) => Chart.defaults.plugins.legend.labels.generateLabels(chart).map((item) =>
      Object.assign(item, { lineDash: chart.data.datasets[item.datasetIndex].borderDash || [] })) };

  function drawRate() {
    const series = model.series;
    const width = series.width_ns / 1e9;
    const line = (label, values, stroke, dash) => ({ label, data: values.map((bps) => bps / 1e6), borderColor: stroke,
      backgroundColor: stroke, borderWidth: 2, borderDash: dash, pointRadius: 0, pointHitRadius: 6, stepped: "middle", pointStyle: "line" });
    const sets = [line("truth", series.truth_bps, color("truth"), [])];
    model.sources.forEach((source, i) => sets.push(line(source.title + (source.sees === "ipv4" ? ", IPv4 only" : ""), series.sources_bps[source.name], sourceColor(i), [[], [8, 3], [2, 3]][i % 3])));
    return { type: "line", data: { labels: series.truth_bps.map((_, i) => count(i * width)), datasets: sets },
      options: options({ interaction: { mode: "index", intersect: false }, plugins: { legend: { labels: lineLabels },
        tooltip: { callbacks: { label: (item) => item.dataset.label + ": " + item.parsed.y.toFixed(3) + " Mbit/s" } } },
        scales: { x: { title: { display: true, text: "seconds" }, ticks: { maxTicksLimit: 15, maxRotation: 0 } },
          y: { beginAtZero: true, title: { display: true, text: "Mbit/s" } } } }) };
  }

  const dashes = [[], [6, 3]];

  /* Of several runs the beginnings are at their distances. */
  function drawEndpoints() {
    const first = Math.min(...model.runs.map((run) => run.started_ns));
    const sets = [];
    model.runs.forEach((run, i) => {
      const width = run.seconds.width_ns / 1e9;
      const begin = (run.started_ns - first) / 1e9;
      const points = (values) => values.map((bps, j) => ({ x: begin + (j + 0.5) * width, y: bps === null ? null : bps / 1e6 }));
      const line = (label, values, dash) => ({ type: "line", label, data: points(values), borderColor: sourceColor(i % 6), backgroundColor: sourceColor(i % 6),
        borderWidth: 2, borderDash: dash, pointRadius: values.length < 3 ? 3 : 0, pointHitRadius: 6, pointStyle: "line", stepped: "middle", fill: false });
      sets.push(line(run.title + " sent", run.seconds.sent_bps, dashes[1]), line(run.title + " received", run.seconds.received_bps, dashes[0]));
    });
    return { type: "scatter", data: { datasets: sets }, options: options({
      plugins: { legend: { labels: lineLabels },
        tooltip: { callbacks: { label: (item) => item.dataset.label + ": " + item.parsed.y.toFixed(3) + " Mbit/s" } } },
      scales: { x: { type: "linear", min: 0, title: { display: true, text: "seconds" } }, y: { beginAtZero: true, title: { display: true, text: "Mbit/s" } } } }) };
  }

  /* The complement of the distribution, so that the slow ones, which matter, have room. */
  function drawDelay() {
    const slow = (share) => Math.max(1 - share, 1e-4);
    const sets = model.runs.filter((run) => run.owd_cdf.length > 0).map((run, i) => Object.assign(
      lineSet(run.title, run.owd_cdf.map(([share, ns]) => ({ x: Math.max(ns, 1) / 1e3, y: slow(share) })), sourceColor(i % 6), []),
      { borderWidth: 2, pointHitRadius: 6 }));
    return { type: "scatter", data: { datasets: sets }, options: options({
      plugins: { legend: { labels: lineLabels },
        tooltip: { callbacks: { label: (item) => item.dataset.label + ": " + (100 * item.parsed.y).toPrecision(3) + " % slower than " + item.parsed.x.toFixed(1) + " us" } } },
      scales: { x: { type: "logarithmic", title: { display: true, text: "one-way delay, us" }, ticks: { callback: power, maxRotation: 0 } },
        y: { type: "logarithmic", min: 1e-4, max: 1, title: { display: true, text: "share of the datagrams that is slower" },
          ticks: { callback: (value) => { const log = Math.log10(value); return Math.abs(log - Math.round(log)) < 1e-9 ? +(100 * value).toPrecision(3) + " %" : ""; } } } } }) };
  }

  /* Round trips as lines, what was sent again as areas behind them with a scale of their own. */
  function drawTcp() {
    const runs = model.runs.filter((run) => run.tcp);
    const first = Math.min(...model.runs.map((run) => run.started_ns));
    const sets = [];
    runs.forEach((run) => {
      const stroke = sourceColor(model.runs.indexOf(run) % 6);
      const width = run.seconds.width_ns / 1e9;
      const begin = (run.started_ns - first) / 1e9;
      const points = (values, unit) => values.map((value, j) => ({ x: begin + (j + 0.5) * width, y: value === null ? null : value / unit }));
      const line = (label, values, dash) => Object.assign(lineSet(label, points(values, 1e6), stroke, dash),
        { borderWidth: 2, pointRadius: values.length < 3 ? 3 : 0, pointHitRadius: 6, yAxisID: "y", unit: " ms" });
      sets.push(line(run.title + " RTT p50", run.seconds.rtt_p50_ns, []), line(run.title + " RTT p99", run.seconds.rtt_p99_ns, [6, 3]),
        { type: "line", label: run.title + " sent again", data: points(run.seconds.retransmitted, 1), borderColor: stroke + "66", backgroundColor: stroke + "33",
          borderWidth: 1, pointRadius: 0, pointHitRadius: 6, pointStyle: "rect", stepped: "middle", fill: "origin", yAxisID: "again", unit: " segments" });
    });
    return { type: "scatter", data: { datasets: sets }, options: options({
      plugins: { legend: { labels: lineLabels },
        tooltip: { callbacks: { label: (item) => item.dataset.label + ": " + +item.parsed.y.toPrecision(4) + item.dataset.unit } } },
      scales: { x: { type: "linear", min: 0, title: { display: true, text: "seconds" } },
        y: { beginAtZero: true, title: { display: true, text: "round trip, ms" } },
        again: { position: "right", beginAtZero: true, suggestedMax: 5, grid: { drawOnChartArea: false }, ticks: { precision: 0 },
          title: { display: true, text: "segments sent again" } } } }) };
  }

  function drawError() {
    const top = largest();
    const limit = 200;
    const sets = model.sources.map((source, i) => Object.assign(scatterSet(source, i, eachPoint(source, (flow, said) => ({
      x: flow.truth.packets, y: Math.min(limit, 100 * (said.packets / flow.truth.packets - 1)) }))), { whiskers: false }));
    const rates = [...new Set(model.sources.map((source) => source.sampling_rate).filter((rate) => rate > 1))];
    for (const rate of rates) {
      for (const sign of [1, -1]) {
        const curve = [];
        for (let x = 1; x <= top; x *= 1.15) {
          const y = sign * 196 * Math.sqrt((1 - 1 / rate) * rate / x);
          curve.push({ x, y: Math.max(-100, Math.min(limit, y)) });
        }
        sets.push(lineSet("95 % at 1-in-" + count(rate) + (sign < 0 ? " (below)" : ""), curve, color("truth"), [6, 4]));
      }
    }
    const legend = { position: "top", labels: { usePointStyle: true, boxWidth: 8, boxHeight: 8, filter: (item) => !item.text.endsWith("(below)") } };
    return { type: "scatter", data: { datasets: sets }, options: options({
      plugins: { legend, tooltip: { callbacks: { label: tooltip } } },
      scales: { x: logScale("true packets of the flow", 0.7, top),
        y: { min: -100, max: limit, title: { display: true, text: "error of the estimate, %" } } } }) };
  }

  function drawLedger() {
    const names = { tap_out: "out of the tap", switch_in: "into the switch", switch_out: "out of the switch", tap_in: "into the other tap" };
    const stages = Object.keys(names).filter((stage) => model.ledger.some((row) => row.stage === stage && row.packets !== null));
    const directions = [...new Set(model.ledger.map((row) => row.direction))].filter((way) => way !== "switch");
    const packets = (stage, direction) => {
      const row = model.ledger.find((one) => one.stage === stage && one.direction === direction && one.packets !== null);
      return row ? row.packets : null;
    };
    const sets = directions.map((direction, i) => ({ label: direction, data: stages.map((stage) => packets(stage, direction)),
      backgroundColor: sourceColor(i % 6), pointStyle: "rect", maxBarThickness: 22 }));
    return { type: "bar", data: { labels: stages.map((stage) => names[stage]), datasets: sets },
      options: options({ indexAxis: "y", plugins: { legend: { labels: { usePointStyle: true, boxWidth: 8, boxHeight: 8 } },
        tooltip: { callbacks: { label: (item) => item.dataset.label + ": " + count(item.parsed.x) + " frames" } } },
        scales: { x: { beginAtZero: true, title: { display: true, text: "frames" } } } }) };
  }

  const drawings = { "chart-flows": drawScatter, "chart-rate": drawRate, "chart-endpoints": drawEndpoints, "chart-delay": drawDelay, "chart-tcp": drawTcp, "chart-error": drawError, "chart-ledger": drawLedger };

  /* True if something stands on the canvas. */
  function inked(canvas) {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 3; i < pixels.length; i += 4) { if (pixels[i] > 0) { return true; } }
    return false;
  }

  function drawAll() {
    Chart.defaults.color = color("ink");
    Chart.defaults.borderColor = color("line");
    Chart.defaults.font.family = "system-ui, 'DejaVu Sans', sans-serif";
    while (charts.length > 0) { charts.pop().destroy(); }
    for (const [id, draw] of Object.entries(drawings)) {
      const canvas = document.getElementById(id);
      if (canvas) { charts.push(new Chart(canvas, draw())); }
    }
    root.dataset.cut = [...document.querySelectorAll(".scroll")].filter((box) => box.scrollWidth > box.clientWidth).length;
    root.dataset.charts = charts.filter((chart) => inked(chart.canvas)).length;
  }

  drawAll();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  window.addEventListener("beforeprint", drawAll);
  window.addEventListener("afterprint", drawAll);
}());
