// A terminal in a page: it draws what the dashboard writes, and sends what is typed, clicked and resized.
"use strict";

const FONT = "'DejaVu Sans Mono', ui-monospace, Menlo, Consolas, 'Liberation Mono', monospace";
const SIZE = 15; // of letters, in the page's units
const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const BARE = /[\p{Mn}\p{Me}\u200b-\u200d\ufe00-\ufe0f]/u;
const SIXTEEN = ["#000000", "#cd3131", "#0dbc79", "#e5e510", "#3b8eea", "#bc3fbc", "#11a8cd", "#e5e5e5",
  "#767676", "#f14c4c", "#23d18b", "#f5f543", "#5ba7ff", "#d670d6", "#29b8db", "#ffffff"];
const PARTS = /\x1b\[([?<>=]?)([\d;:]*)[ -/]*([@-~])|\x1b\](\d+);([^\x07\x1b]*)(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\|\x1b[()].|\x1b.|[\r\n]|[^\x1b\r\n]+/gsu;
const KEYS = {Enter: "\r", Escape: "\x1b", Backspace: "\x7f", Tab: "\t", ArrowUp: "\x1b[A", ArrowDown: "\x1b[B",
  ArrowRight: "\x1b[C", ArrowLeft: "\x1b[D", Home: "\x1b[H", End: "\x1b[F", PageUp: "\x1b[5~", PageDown: "\x1b[6~",
  Insert: "\x1b[2~", Delete: "\x1b[3~", F1: "\x1bOP", F2: "\x1bOQ", F3: "\x1bOR", F4: "\x1bOS"};
const THEIRS = ["c", "v", "r", "t", "w", "n", "l"]; // keys that with Ctrl belong to the browser

const light = matchMedia("(prefers-color-scheme: light)").matches;
const INK = light ? "#1d2329" : "#d8dde3", GROUND = light ? "#fbfbf8" : "#111418";
const PLAIN = {ink: null, ground: null};
const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d"), twin = document.querySelector("pre");
let columns = 0, rows = 0, across = 8, down = 18, ratio = 1, cells = [], changed = new Set(), drawing = false;
let column = 0, line = 0, style = PLAIN, telling = 0, line_of_work = null;

Object.assign(document.body.style, {margin: 0, background: GROUND, overflow: "hidden"});
Object.assign(canvas.style, {display: "block"});
Object.assign(twin.style, {position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)"});

function measure() {
  ratio = devicePixelRatio || 1;
  pen.font = `${SIZE * ratio}px ${FONT}`;
  const letter = pen.measureText("M");
  across = Math.max(Math.round(letter.width), 1);
  down = Math.ceil(letter.fontBoundingBoxAscent + letter.fontBoundingBoxDescent);
  columns = Math.max(Math.floor(innerWidth * ratio / across), 20);
  rows = Math.max(Math.floor(innerHeight * ratio / down), 5);
  canvas.width = columns * across;
  canvas.height = rows * down;
  canvas.style.width = `${canvas.width / ratio}px`;
  canvas.style.height = `${canvas.height / ratio}px`;
  cells = Array.from({length: rows}, (_, at) => Array.from({length: columns}, (_, to) => cells[at]?.[to] ?? {text: " ", style: PLAIN}));
  for (let at = 0; at < rows; at++) changed.add(at);
  soon();
}

function soon() {
  if (!drawing) {
    drawing = true;
    requestAnimationFrame(draw);
  }
}

function draw() {
  drawing = false;
  for (const at of changed) if (cells[at]) drawLine(at);
  changed.clear();
  if (!telling) telling = setTimeout(tell, 200);
}

function drawLine(at) {
  pen.textBaseline = "alphabetic";
  const base = at * down + Math.round(down * 0.79);
  cells[at].forEach((cell, to) => {
    let {ink, ground} = cell.style;
    if (cell.style.reverse) [ink, ground] = [ground ?? GROUND, ink ?? INK];
    pen.fillStyle = ground ?? GROUND;
    pen.fillRect(to * across, at * down, across, down);
    cell.ink = ink ?? INK;
  });
  cells[at].forEach((cell, to) => {
    if (cell.text.trim()) {
      const {bold, italic, dim, under, struck} = cell.style;
      pen.font = `${italic ? "italic " : ""}${bold ? "bold " : ""}${SIZE * ratio}px ${FONT}`;
      pen.globalAlpha = dim ? 0.66 : 1;
      pen.fillStyle = cell.ink;
      pen.fillText(cell.text, to * across, base);
      if (under) pen.fillRect(to * across, base + 2, across, 1);
      if (struck) pen.fillRect(to * across, base - Math.round(down * 0.25), across, 1);
      pen.globalAlpha = 1;
    }
  });
}

// Whoever does not see the picture reads it here.
function tell() {
  telling = 0;
  twin.textContent = cells.map(each => each.map(cell => cell.text).join("").trimEnd()).join("\n");
}

function write(text) {
  for (const found of text.matchAll(PARTS)) {
    const [part, kind, numbers, ends, code, said] = found;
    if (ends !== undefined) command(kind, numbers, ends);
    else if (code === "52") copy(said);
    else if (part === "\r") column = 0;
    else if (part === "\n") [column, line] = [0, line + 1];
    else if (part[0] !== "\x1b") put(part);
  }
  soon();
}

function put(text) {
  for (const letter of text) {
    const row = cells[line];
    if (BARE.test(letter)) {
      if (row?.[column - 1]) row[column - 1] = {...row[column - 1], text: row[column - 1].text + letter};
      continue;
    }
    if (row && column < columns) {
      row[column] = {text: letter, style};
      changed.add(line);
    }
    column += 1;
    if (WIDE.test(letter)) {
      if (row && column < columns) row[column] = {text: "", style};
      column += 1;
    }
  }
}

function command(kind, numbers, ends) {
  const given = numbers.split(";").map(Number);
  if (kind) return;
  if (ends === "H") [line, column] = [(given[0] || 1) - 1, (given[1] || 1) - 1];
  else if (ends === "m") style = styled(style, numbers === "" ? [0] : given);
  else if (ends === "J") cells.forEach((row, at) => { row.fill({text: " ", style: PLAIN}); changed.add(at); });
  else if (ends === "K" && cells[line]) { cells[line].fill({text: " ", style}, column); changed.add(line); }
}

const WAYS = {1: {bold: true}, 2: {dim: true}, 3: {italic: true}, 4: {under: true}, 7: {reverse: true}, 9: {struck: true},
  22: {bold: false, dim: false}, 23: {italic: false}, 24: {under: false}, 27: {reverse: false}, 29: {struck: false},
  39: {ink: null}, 49: {ground: null}};

function styled(before, codes) {
  let now = {...before};
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at];
    if (code === 0) now = {...PLAIN};
    else if (WAYS[code]) Object.assign(now, WAYS[code]);
    else if (code === 38 || code === 48) {
      const exact = codes[at + 1] === 2;
      now[code === 38 ? "ink" : "ground"] = exact ? `rgb(${codes.slice(at + 2, at + 5).join(",")})` : indexed(codes[at + 2]);
      at += exact ? 4 : 2;
    }
    else if (code >= 30 && code <= 37) now.ink = SIXTEEN[code - 30];
    else if (code >= 40 && code <= 47) now.ground = SIXTEEN[code - 40];
    else if (code >= 90 && code <= 97) now.ink = SIXTEEN[code - 82];
    else if (code >= 100 && code <= 107) now.ground = SIXTEEN[code - 92];
  }
  return now;
}

function indexed(number) {
  if (number < 16) return SIXTEEN[number];
  if (number >= 232) return `rgb(${Array(3).fill(8 + (number - 232) * 10).join(",")})`;
  const steps = [0, 95, 135, 175, 215, 255], at = number - 16;
  return `rgb(${[steps[Math.floor(at / 36)], steps[Math.floor(at / 6) % 6], steps[at % 6]].join(",")})`;
}

function copy(said) {
  const bytes = Uint8Array.from(atob(said.split(";").pop()), letter => letter.charCodeAt(0));
  navigator.clipboard?.writeText(new TextDecoder().decode(bytes)).catch(() => {});
}

// -- what a person does

function send(message) {
  if (line_of_work?.readyState === WebSocket.OPEN) line_of_work.send(JSON.stringify(message));
}

function type(data) {
  send({type: "stdin", data});
}

addEventListener("keydown", event => {
  if (event.metaKey || event.isComposing || (event.ctrlKey && THEIRS.includes(event.key.toLowerCase()))) return;
  let data = "";
  if (event.key === "Tab" && event.shiftKey) data = "\x1b[Z";
  else if (event.ctrlKey && /^[a-z]$/.test(event.key)) data = String.fromCharCode(event.key.charCodeAt(0) & 31);
  else if (event.key in KEYS) data = KEYS[event.key];
  else if ([...event.key].length === 1) data = event.altKey ? `\x1b${event.key}` : event.key;
  if (data) {
    event.preventDefault();
    type(data);
  }
});

addEventListener("paste", event => {
  event.preventDefault();
  type(`\x1b[200~${event.clipboardData.getData("text").replaceAll("\x1b", "")}\x1b[201~`);
});

function point(event, button, ends = "M") {
  const to = Math.floor(event.offsetX * ratio / across) + 1, at = Math.floor(event.offsetY * ratio / down) + 1;
  type(`\x1b[<${button};${to};${at}${ends}`);
}

canvas.addEventListener("mousedown", event => point(event, event.button));
canvas.addEventListener("mouseup", event => point(event, event.button, "m"));
canvas.addEventListener("wheel", event => { event.preventDefault(); point(event, event.deltaY > 0 ? 65 : 64); }, {passive: false});

let settled = 0;
addEventListener("resize", () => {
  clearTimeout(settled);
  settled = setTimeout(() => { measure(); send({type: "resize", width: columns, height: rows}); }, 80);
});

function begin() {
  measure();
  const there = new URL(`line?width=${columns}&height=${rows}&light=${Number(light)}`, location.href);
  there.protocol = "ws:";
  line_of_work = new WebSocket(there);
  line_of_work.binaryType = "arraybuffer";
  const decoder = new TextDecoder();
  line_of_work.addEventListener("message", event => write(decoder.decode(event.data)));
  line_of_work.addEventListener("close", event => {
    write(`\x1b[0m\x1b[1;1H ${event.reason || "The dashboard has ended."} Reload the page to begin another. `);
  });
}

document.fonts.ready.then(begin);
