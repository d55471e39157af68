// The games' pages: keeps what the server drew up to date, signs in, helps. Texts come from the server, in the reader's
// language, and are put in as text only.
'use strict';
(() => {
  const API = '/api/v1/';
  const SOON = 5, LATE = 30, AWAY_LATEST = 60; // seconds between two looks
  const LAST = 10; // unchanged looks at a round that is won: an order may still come of it
  const page = document.body.dataset;
  const find = (id) => document.getElementById(id);
  const memory = {};
  let pending = null; // what to go on with once signed in

  // Tokens are kept as long as the tab (ADR 0034); a browser that keeps nothing signs in once a page.
  function keep(name, value) {
    memory[name] = value;
    try { sessionStorage.setItem('pgs.' + name, value); } catch (error) { /* memory is enough */ }
  }
  function recall(name) {
    if (name in memory) return memory[name];
    try { return sessionStorage.getItem('pgs.' + name) || ''; } catch (error) { return ''; }
  }
  function keepTokens(access, refresh) {
    keep('access', access);
    keep('refresh', refresh);
    find('sign-out').hidden = !access;
  }

  // Status 0: nobody answered.
  async function send(method, path, body, token) {
    const headers = { Accept: 'application/json' };
    if (body) headers['Content-Type'] = 'application/json';
    if (token) headers.Authorization = 'Bearer ' + token;
    // Older phones have none: they wait as long as their network does.
    const stop = window.AbortController && new AbortController();
    const timer = setTimeout(() => stop && stop.abort(), 15000);
    try {
      const options = { method, headers, cache: 'no-store' };
      if (stop) options.signal = stop.signal;
      if (body) options.body = JSON.stringify(body);
      const answer = await fetch(path, options);
      const wait = Number(answer.headers.get('Retry-After')) || 0;
      const text = await answer.text();
      let told = {};
      try { told = JSON.parse(text) || {}; } catch (error) { /* a proxy's page, or nothing */ }
      return { status: answer.status, isGood: answer.ok, told, wait };
    } catch (error) {
      return { status: 0, isGood: false, told: {}, wait: 0 };
    } finally {
      clearTimeout(timer);
    }
  }

  // As the member; an access token that has run out is renewed once.
  async function call(method, path) {
    const answer = await send(method, path, null, recall('access'));
    if (answer.status !== 401) return answer;
    const renewed = await send('POST', API + 'auth/tokens/refresh/', { refresh: recall('refresh') || '-' });
    if (renewed.isGood) {
      keep('access', renewed.told.access);
      return send(method, path, null, renewed.told.access);
    }
    if (renewed.status && renewed.status < 500 && renewed.status !== 429) keepTokens('', '');
    return renewed.status < 500 && renewed.status !== 429 && renewed.status ? answer : renewed;
  }

  function tell(text, kind) {
    const told = find('told');
    told.textContent = text;
    told.className = kind || '';
    told.hidden = !text;
  }
  function explain(answer) {
    const errors = answer.told.errors || [];
    tell((errors[0] && errors[0].detail) || answer.told.detail || page.away, 'bad');
  }
  function make(tag, text, kind) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }
  function fill(place, made) {
    while (place.firstChild) place.removeChild(place.firstChild);
    made.forEach((each) => place.appendChild(each));
  }

  function askToSignIn(goOn) {
    pending = goOn;
    find('sign-in').hidden = false;
    find('sign-in').elements.phone.focus();
  }
  async function sendCode() {
    const button = find('send-code');
    button.disabled = true;
    const answer = await send('POST', API + 'auth/sms-codes/', { phone: find('sign-in').elements.phone.value.trim() });
    button.disabled = false;
    if (!answer.isGood) return explain(answer);
    tell(page.sent);
    find('sign-in').elements.code.focus();
  }
  async function signIn(event) {
    event.preventDefault();
    const form = find('sign-in');
    const given = { phone: form.elements.phone.value.trim(), code: form.elements.code.value.trim() };
    const answer = await send('POST', API + 'auth/tokens/', given);
    form.elements.code.value = '';
    if (!answer.isGood) return explain(answer);
    keepTokens(answer.told.access, answer.told.refresh);
    isOwn = null; // it may be another member than before
    form.hidden = true;
    tell('');
    const goOn = pending;
    pending = null;
    if (goOn) goOn();
  }
  async function signOut() {
    await send('POST', API + 'auth/sign-out/', { refresh: recall('refresh') });
    keepTokens('', '');
    location.reload();
  }

  // A shared round. ----------------------------------------------------------------------------------------------
  const game = API + 'plays/' + page.play + '/';
  // Server's time − performance.now(): the phone's own clock counts for nothing. The way takes time, so of several
  // answers the one that came fastest, which is the largest difference, is the best.
  let ahead = -Infinity;
  let ends = NaN, stage = page.stage, roundId = page.round, isOwn = null, hasHelped = false;
  let next = 0, every = SOON, failures = 0, seen = '', unchanged = 0, looking = null;

  function setClock(card) {
    ahead = Math.max(ahead, Date.parse(card.server_time) - performance.now());
    ends = Date.parse(card.ends_at);
    // Over, and the server hasn't said yet what became of it: the next ordinary look asks.
    if (ends <= Date.parse(card.server_time)) ends = NaN;
    find('clock').hidden = !card.ends_at;
  }
  function tick() {
    if (isNaN(ends) || document.hidden) return;
    const left = Math.ceil((ends - ahead - performance.now()) / 1000);
    const two = (number) => String(number).padStart(2, '0');
    const shown = Math.max(0, left);
    const text = two(Math.floor(shown / 3600)) + ':' + two(Math.floor(shown / 60) % 60) + ':' + two(shown % 60);
    find('clock').lastElementChild.textContent = text;
    if (left > 0) return;
    // What has become of it only the server knows; not all phones ask in the same moment.
    ends = NaN;
    lookIn(1);
  }

  function show(card) {
    setClock(card);
    stage = card.stage;
    find('title').textContent = card.title;
    find('headline').textContent = card.headline;
    find('clock').firstElementChild.textContent = card.ends_label;
    find('progress').hidden = !card.goal;
    find('progress').max = card.goal || 1;
    find('progress').value = card.done;
    find('link').hidden = stage !== 'OPEN';
    find('helps').hidden = !card.helps.length;
    fill(find('figures'), card.figures.map((figure) => {
      const made = make('div', '', figure.kind);
      made.append(make('dt', figure.name), make('dd', figure.text));
      return made;
    }));
    fill(find('notes'), card.notes.map((note) => make('li', note)));
    fill(find('helps').lastElementChild, card.helps.map((help) => {
      const made = make('li', '');
      made.append(make('b', help.who), ' ' + help.what);
      return made;
    }));
    fill(find('acts'), (hasHelped && !isOwn ? [] : card.acts).map((act) => {
      const made = make('button', act.name, act.is_grave ? 'grave' : '');
      made.type = 'button';
      made.dataset.path = act.path;
      made.dataset.question = act.question;
      return made;
    }));
  }

  function lookIn(seconds) {
    clearTimeout(next);
    next = setTimeout(look, seconds * 1000 * (0.8 + 0.4 * Math.random()));
  }
  // Who started it is told more, at another address; everybody else is told there that it isn't theirs, once.
  async function read() {
    if (recall('access') && roundId && isOwn !== false) {
      const answer = await call('GET', game + page.rounds + roundId + '/');
      if (answer.isGood || answer.status === 404) isOwn = answer.isGood;
      if (answer.status !== 404 && answer.status !== 401) return answer;
    }
    return send('GET', game + 'shares/' + encodeURIComponent(page.share) + '/');
  }
  async function look() {
    if (looking || document.hidden) return;
    clearTimeout(next);
    looking = lookOnce();
    try {
      await looking;
    } finally {
      looking = null;
    }
  }
  // What was asked before an act may be answered as it was before.
  async function lookAfresh() {
    if (looking) await looking.catch(() => {});
    await look();
  }
  async function lookOnce() {
    const answer = await read();
    if (answer.status === 404) return tell(page.gone, 'bad');
    if (!answer.isGood) return lookAgain(answer);
    const card = answer.told.card, isFirst = !roundId;
    roundId = card.round_id;
    // Drawn without its round, the page didn't know whose it is.
    if (isFirst && recall('access') && isOwn === null) return lookOnce();
    failures = 0;
    if (find('told').className === 'away') tell('');
    const now = JSON.stringify([card, hasHelped], (name, value) => (name === 'server_time' ? 0 : value));
    unchanged = now === seen ? unchanged + 1 : 0;
    every = unchanged ? Math.min(LATE, every * 1.5) : SOON;
    if (unchanged) setClock(card); else show(card);
    seen = now;
    if (stage === 'OPEN' || (stage === 'WON' && (!isNaN(ends) || unchanged < LAST))) lookIn(every);
  }
  function lookAgain(answer) {
    failures += 1;
    tell(page.away, 'away');
    lookIn(Math.max(answer.wait, Math.min(AWAY_LATEST, SOON * Math.pow(2, failures - 1))));
  }

  async function act(path) {
    // An address of the games, or nothing.
    if (path.indexOf(API + 'plays/') !== 0) return;
    if (!recall('access')) return askToSignIn(() => goOnWith(path));
    document.querySelectorAll('#acts button').forEach((button) => { button.disabled = true; });
    // Asking for the device's mark again gives the same one; without one the game's answer says what to do.
    if (!recall('marked') && (await send('POST', API + 'devices/')).isGood) keep('marked', '1');
    const answer = await call('POST', path);
    document.querySelectorAll('#acts button').forEach((button) => { button.disabled = false; });
    if (answer.status === 401) return askToSignIn(() => goOnWith(path));
    if (answer.isGood) tell(answer.told.said || page.done); else explain(answer);
    if (answer.isGood || answer.told.code === 'already_helped') hasHelped = !isOwn;
    // The cookie wasn't kept, or counts no more: asked for again next time.
    if (answer.told.code === 'device_unknown') keep('marked', '');
    await lookAfresh();
  }
  // Whoever has just signed in may turn out to have started it.
  async function goOnWith(path) {
    await lookAfresh();
    if (isOwn && path.indexOf('/shares/') > 0) return tell(page.mine);
    await act(path);
  }

  async function copyLink() {
    const field = find('link').querySelector('input');
    field.select();
    try {
      if (navigator.clipboard) await navigator.clipboard.writeText(field.value);
      else if (!document.execCommand('copy')) throw new Error('refused');
      tell(page.copied);
    } catch (error) {
      tell(page.kept);
    }
  }
  function sendLink() {
    const url = find('link').querySelector('input').value;
    // Who closes the phone's dialog without sending has done nothing wrong.
    navigator.share({ title: find('title').textContent, text: find('headline').textContent, url }).catch(() => {});
  }

  function startShared() {
    if (page.isAway) tell(page.away, 'away'); else setClock({ server_time: page.now, ends_at: page.ends });
    find('send').hidden = !navigator.share;
    find('send').addEventListener('click', sendLink);
    find('copy').addEventListener('click', copyLink);
    find('acts').addEventListener('click', (event) => {
      const { path, question } = event.target.dataset;
      if (path && (!question || confirm(question))) act(path);
    });
    document.addEventListener('visibilitychange', () => {
      unchanged = 0;
      if (document.hidden) clearTimeout(next); else if (stage !== 'OVER') look();
    });
    setInterval(tick, 1000);
    tick();
    if (page.isAway || recall('access')) look(); else if (stage !== 'OVER') lookIn(SOON);
  }

  // A member's rounds of all games. ------------------------------------------------------------------------------
  let lists = [];

  async function showOwn() {
    if (!recall('access')) return askToSignIn(showOwn);
    const answers = await Promise.all(lists.map((path) => call('GET', path)));
    if (answers.some((answer) => answer.status === 401)) return askToSignIn(showOwn);
    const bad = answers.filter((answer) => !answer.isGood);
    if (bad.length) {
      failures += 1;
      tell(page.away, 'away');
      setTimeout(showOwn, 1000 * Math.max(bad[0].wait, Math.min(AWAY_LATEST, SOON * Math.pow(2, failures - 1))));
      return;
    }
    failures = 0;
    tell('');
    answers.forEach((answer) => answer.told.results.forEach((round) => {
      const card = round.card, line = make('li', ''), link = make('a', '', card.stage);
      if (card.page.indexOf('/g/') !== 0) return;
      link.href = card.page;
      link.append(make('b', card.title), document.createElement('br'), card.headline);
      line.appendChild(link);
      find('rounds').appendChild(line);
    }));
    // The host that the API knows itself by may be another than the one that the phone does.
    lists = answers.map((answer) => answer.told.next).filter(Boolean).map((url) => {
      const { pathname, search } = new URL(url, location.href);
      return pathname + search;
    });
    find('more').hidden = !lists.length;
    if (!find('rounds').firstChild) tell(page.nothing);
  }
  function startOwn() {
    lists = page.own.split(' ').filter(Boolean).map((path) => API + 'plays/' + path);
    find('more').addEventListener('click', () => { find('more').hidden = true; showOwn(); });
    showOwn();
  }

  find('sign-out').hidden = !recall('access');
  find('sign-out').addEventListener('click', signOut);
  find('send-code').addEventListener('click', sendCode);
  find('sign-in').addEventListener('submit', signIn);
  if (page.play) startShared();
  if (page.own !== undefined) startOwn();
})();
