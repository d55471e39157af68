// A stage for page.js: as much of a browser as it uses, a clock that a test moves, and a server that answers as told.
// Reads {html, script, serverTime, kept, steps} as JSON from stdin; writes what each step `tell` saw. Who sets HTML
// fails: elements here have no innerHTML that could be read back as one.
'use strict';
const vm = require('node:vm');

const { html, script, serverTime, kept, steps } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const VOID = new Set(['meta', 'link', 'img', 'input', 'br']);
const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', '#x27': "'" };
const plain = (text) => text.replace(/&(#?\w+);/g, (all, name) => ENTITIES[name] || all);
const camel = (name) => name.replace(/-(\w)/g, (all, letter) => letter.toUpperCase());

class Element {
  constructor(tag) {
    Object.assign(this, { tag, childNodes: [], parent: null, dataset: {}, listeners: {} });
    Object.assign(this, { id: '', name: '', className: '', hidden: false, disabled: false, value: '' });
    this.dataset = new Proxy({}, { set: (kept, name, value) => { kept[name] = String(value); return true; } });
  }
  get children() { return this.childNodes.filter((node) => node instanceof Element); }
  get firstChild() { return this.childNodes[0] || null; }
  get firstElementChild() { return this.children[0] || null; }
  get lastElementChild() { return this.children.at(-1) || null; }
  get textContent() { return this.childNodes.map((node) => (node instanceof Element ? node.textContent : node)).join(''); }
  set textContent(text) { this.childNodes = text === '' ? [] : [String(text)]; }
  get elements() { return Object.fromEntries(this.all().filter((one) => one.name).map((one) => [one.name, one])); }
  all() { return this.children.flatMap((one) => [one, ...one.all()]); }
  append(...nodes) { nodes.forEach((node) => { if (node instanceof Element) node.parent = this; this.childNodes.push(node); }); }
  appendChild(node) { this.append(node); return node; }
  removeChild(node) { this.childNodes.splice(this.childNodes.indexOf(node), 1); return node; }
  querySelector(tag) { return this.all().find((one) => one.tag === tag) || null; }
  addEventListener(kind, listener) { (this.listeners[kind] = this.listeners[kind] || []).push(listener); }
  fire(kind, target = this) {
    (this.listeners[kind] || []).forEach((listener) => listener({ target, preventDefault() {} }));
    if (this.parent) this.parent.fire(kind, target);
  }
  focus() {}
  select() {}
}

function read(text) {
  const root = new Element('document'), open = [root];
  for (const [, close, tag, attributes, words] of text.matchAll(/<(\/?)([a-z][a-z0-9]*)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*>|([^<]+)/g)) {
    if (words !== undefined) open.at(-1).append(plain(words));
    else if (close) { while (open.pop().tag !== tag); } else {
      const made = new Element(tag);
      for (const [, name, value] of attributes.matchAll(/([\w:-]+)(?:="([^"]*)")?/g)) {
        if (name.startsWith('data-')) made.dataset[camel(name.slice(5))] = plain(value || '');
        else made[name === 'class' ? 'className' : name] = value === undefined ? true : plain(value);
      }
      open.at(-1).append(made);
      if (!VOID.has(tag)) open.push(made);
    }
  }
  return root;
}

const root = read(html.replace(/<!doctype html>/, ''));
const storage = { ...kept };
let now = 0, timers = [], count = 0, asked = [], answers = {}, isYes = true;

// The page's clock: milliseconds since it was opened. It begins anywhere; only differences mean something.
const performance = { now: () => 987_654 + now };
const setTimer = (run, milliseconds, every) => { timers.push({ run, at: now + milliseconds, every, id: (count += 1) }); return count; };
const clearTimer = (id) => { timers = timers.filter((timer) => timer.id !== id); };
const settle = () => new Promise((resolve) => { setImmediate(() => setImmediate(resolve)); });

async function pass(seconds) {
  const until = now + seconds * 1000;
  for (;;) {
    await settle();
    const [timer] = timers.filter((one) => one.at <= until).sort((one, other) => one.at - other.at || one.id - other.id);
    if (!timer) break;
    now = timer.at;
    clearTimer(timer.id);
    if (timer.every) timers.push({ ...timer, at: now + timer.every });
    timer.run();
  }
  now = until;
}

async function fetch(path, { method, headers, body }) {
  const as = (headers.Authorization || '').replace('Bearer ', '');
  asked.push([Math.round(now) / 1000, `${method} ${path}`, as, body ? JSON.parse(body) : null]);
  const answer = answers[`${method} ${path}`];
  if (!answer) throw new TypeError('nobody answers');
  const told = JSON.stringify(answer.body || {}).replaceAll('"@now"', JSON.stringify(new Date(Date.parse(serverTime) + now).toISOString()));
  const isAllowed = !answer.as || answer.as === as;
  const status = isAllowed ? answer.status || 200 : 401;
  return {
    status,
    ok: status < 400,
    headers: { get: (name) => (name === 'Retry-After' ? answer.wait || null : null) },
    text: async () => (isAllowed ? told : '{"code": "not_authenticated"}'),
  };
}

const document = new Element('events');
Object.assign(document, {
  body: root.querySelector('body'),
  hidden: false,
  getElementById: (id) => root.all().find((one) => one.id === id) || null,
  createElement: (tag) => new Element(tag),
  // `#id tag` is all that it is asked for.
  querySelectorAll: (path) => {
    const [id, tag] = path.slice(1).split(' '), place = document.getElementById(id);
    return place ? place.all().filter((one) => one.tag === tag) : [];
  },
});
const window = {
  document, fetch, performance, URL, navigator: {}, location: { href: 'https://shop.example/g/' },
  sessionStorage: { getItem: (name) => storage[name] ?? null, setItem: (name, value) => { storage[name] = value; } },
  setTimeout: (run, milliseconds) => setTimer(run, milliseconds), clearTimeout: clearTimer,
  setInterval: (run, milliseconds) => setTimer(run, milliseconds, milliseconds),
  confirm: () => isYes,
};
window.window = window;

// What somebody sees: texts of what isn't hidden, by id.
function tell() {
  const seen = { at: now / 1000, asked, storage: { ...storage } };
  root.all().filter((one) => one.id).forEach((one) => { seen[one.id] = one.hidden ? null : one.textContent.replace(/\s+/g, ' ').trim(); });
  seen.buttons = document.querySelectorAll('#acts button').map((one) => one.textContent);
  asked = [];
  return seen;
}

async function main() {
  const told = [];
  vm.createContext(window);
  vm.runInContext('Math.random = () => 0.5; Date.now = () => { throw new Error("whose clock is that?"); };', window);
  const acts = {
    start: () => vm.runInContext(script, window, { filename: 'page.js' }),
    answers: (changed) => Object.assign(answers, changed),
    pass,
    press: (name) => root.all().find((one) => one.tag === 'button' && one.textContent === name).fire('click'),
    write: (values) => Object.entries(values).forEach(([name, value]) => { document.getElementById('sign-in').elements[name].value = value; }),
    submit: (id) => document.getElementById(id).fire('submit'),
    hide: (isHidden) => { document.hidden = isHidden; document.fire('visibilitychange'); },
    agree: (answer) => { isYes = answer; },
    tell: () => told.push(tell()),
  };
  for (const [name, value] of steps) {
    await acts[name](value);
    await settle();
  }
  process.stdout.write(JSON.stringify(told));
}
process.on('unhandledRejection', (error) => { throw error; });
main();
