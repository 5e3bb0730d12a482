/* Starts GraphiQL for Yanıt. Everything here talks to the host of this page and to no other. */
(() => {
  'use strict';

  const h = React.createElement;
  const { DropdownMenu, useEditorContext, useExecutionContext } = GraphiQL.React;

  // The page is `…/graphql`; relative to it, so that a path prefix of a proxy keeps working.
  const HTTP_URL = new URL('graphql', location.href);
  const WS_URL = new URL('graphql/ws', location.href);
  WS_URL.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';

  const HEADERS_TEMPLATE = '{\n  "Authorization": "Bearer "\n}';
  const DEFAULT_QUERY = '# Ctrl+Enter runs, Ctrl+Space completes. "Examples" (top right) has ready-made operations.\n{\n  __typename\n}\n';
  const SHOWN_EVENTS = 50;
  const RENDER_EVERY_MS = 60;
  const ACK_TIMEOUT_MS = 10_000;

  // ---------------------------------------------------------------- examples

  const asText = (value) => {
    if (value == null || value === '') return null;
    return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  };

  const readExamples = () => {
    try {
      const list = JSON.parse(document.getElementById('yanit-tabs').textContent);
      return list.filter((e) => e && typeof e.query === 'string').map((e) => ({
        title: e.title || operationName(e.query) || 'Example',
        query: e.query,
        variables: asText(e.variables),
        headers: asText(e.headers) ?? HEADERS_TEMPLATE,
      }));
    } catch (error) {
      console.warn('yanit-tabs is not a JSON list of examples:', error);
      return [];
    }
  };

  const operationName = (query) =>
    /^(?!#).*(?:query|subscription|mutation)\s+(\w+)/m.exec(query ?? '')?.[1] ?? null;

  let tabCount = 0;
  const newTab = ({ query, variables, headers, title }) => ({
    id: `${Date.now().toString(36)}-${(tabCount += 1)}`,
    hash: [query ?? '', variables ?? '', headers ?? ''].join('|'),
    title: operationName(query) ?? title,
    query, variables, headers,
    operationName: operationName(query),
    response: null,
  });

  const examples = readExamples();

  // ----------------------------------------------------------------- storage
  // localStorage keeps tabs, history and layout, never a header. Headers live in sessionStorage:
  // they survive a reload and end with the browser tab. Passwords and tokens written into a query
  // or its variables are blanked in the lasting copy too, unless the server's examples contain them.

  const SECRET = /(\b\w*(?:pass|token|secret|apikey|api_key|authorization|otp)\w*"?\s*:\s*)"(?:[^"\\]|\\.)*"/gi;
  const publicSecrets = new Set(
    examples.flatMap((e) => `${e.query}\n${e.variables ?? ''}`.match(SECRET) ?? []));
  const blank = (text) =>
    text.replace(SECRET, (all, name) => (publicSecrets.has(all) ? all : `${name}""`));
  const blankJson = (text) => JSON.stringify(JSON.parse(text), (key, value) => {
    if (key === 'headers') return null;
    return (key === 'query' || key === 'variables') && typeof value === 'string' ? blank(value) : value;
  });

  const PREFIX = 'graphiql:';
  const lasting = {
    [`${PREFIX}headers`]: () => null,
    [`${PREFIX}query`]: blank,
    [`${PREFIX}variables`]: blank,
    [`${PREFIX}tabState`]: blankJson,
    [`${PREFIX}queries`]: blankJson,
    [`${PREFIX}favorites`]: blankJson,
  };
  const HISTORY = [`${PREFIX}queries`, `${PREFIX}favorites`];
  const KEEP_KEY = `${PREFIX}shouldPersistHeaders`; // the "Persist headers" switch of the settings
  const ownKeys = (store) => Object.keys(store).filter((key) => key.startsWith(PREFIX));

  const storage = {
    getItem: (key) => (key in lasting ? sessionStorage.getItem(key) : null) ?? localStorage.getItem(key),
    setItem(key, value) {
      const clean = lasting[key];
      if (!clean) return localStorage.setItem(key, value);
      sessionStorage.setItem(key, storage.getItem(KEEP_KEY) === 'false' && HISTORY.includes(key) ? clean(value) : value);
      const kept = clean(value);
      if (kept != null) localStorage.setItem(key, kept);
    },
    removeItem(key) {
      sessionStorage.removeItem(key);
      localStorage.removeItem(key);
    },
    clear() {
      for (const store of [sessionStorage, localStorage]) ownKeys(store).forEach((key) => store.removeItem(key));
    },
    get length() { return ownKeys(localStorage).length; },
  };

  const keepHeaders = storage.getItem(KEEP_KEY) !== 'false';

  /** The tabs of the last visit; on a first visit the examples. GraphiQL reads them back from storage. */
  const prepareTabs = () => {
    let state = null;
    try {
      state = JSON.parse(storage.getItem(`${PREFIX}tabState`));
    } catch { /* unreadable: start afresh */ }
    if (!state?.tabs?.length) {
      if (!examples.length) return;
      state = { tabs: examples.map(newTab), activeTabIndex: 0 };
    } else if (sessionStorage.getItem(`${PREFIX}tabState`)) {
      return; // a reload: all is there
    }
    for (const tab of state.tabs) {
      tab.headers = keepHeaders
        ? tab.headers ?? examples.find((e) => e.query === tab.query)?.headers ?? HEADERS_TEMPLATE
        : null;
      tab.hash = [tab.query ?? '', tab.variables ?? '', tab.headers ?? ''].join('|');
    }
    const active = state.tabs[state.activeTabIndex] ?? state.tabs[0];
    for (const name of ['query', 'variables', 'headers']) {
      const value = active[name];
      if (value) storage.setItem(PREFIX + name, value);
      else storage.removeItem(PREFIX + name);
    }
    storage.setItem(`${PREFIX}tabState`, JSON.stringify(state));
  };

  // ----------------------------------------------------------------- fetcher

  /** Headers as typed, names in lower case, without an empty value or a bare "Bearer". */
  const sentHeaders = (headers) => Object.fromEntries(
    Object.entries(headers ?? {})
      .map(([name, value]) => [name.toLowerCase(), String(value ?? '').trim()])
      .filter(([, value]) => value !== '' && !/^bearer$/i.test(value)));

  // What earlier answers on this page said stands for the words in capitals of the examples. In memory only.
  const known = new Map();
  const HOW_TO_KNOW = {
    PASTE_SITE_KEY: 'Replace PASTE_SITE_KEY by the key of a site; the server prints that of the demo site when it starts.',
    PASTE_PASSWORD: 'Replace PASTE_PASSWORD by the password that the server printed at its first start.',
    PASTE_VISITOR_TOKEN: 'Run "Visitor: start" first, or put a visitor\'s token into the Headers.',
    PASTE_AGENT_TOKEN: 'Run "Agent: sign in" first, or put an agent\'s access token into the Headers.',
    PASTE_CONVERSATION_ID: 'Run "Visitor: ask" first, or replace PASTE_CONVERSATION_ID by the id of a conversation.',
    PASTE_SITE_ID: 'Run "Visitor: start" first, or replace PASTE_SITE_ID by the id of a site.',
  };
  const learn = (answer) => {
    const data = answer?.data;
    const facts = {
      PASTE_VISITOR_TOKEN: data?.startVisitorSession?.token,
      PASTE_SITE_ID: data?.startVisitorSession?.site?.id,
      PASTE_CONVERSATION_ID: data?.startConversation?.conversation?.id,
      PASTE_AGENT_TOKEN: data?.login?.accessToken ?? data?.refreshSession?.accessToken,
    };
    for (const [name, value] of Object.entries(facts)) {
      if (/^[\w.~+/=-]+$/.test(value ?? '')) known.set(name, value);
    }
    return answer;
  };
  const filled = (value) => JSON.parse(JSON.stringify(value ?? {}), (key, text) => (typeof text === 'string'
    ? text.replace(/PASTE_[A-Z_]+/g, (name) => known.get(name) ?? name) : text));
  const missing = (...values) => {
    const name = /PASTE_[A-Z_]+/.exec(JSON.stringify(values))?.[0];
    return name && (HOW_TO_KNOW[name] ?? `Replace ${name}.`);
  };

  const failure = (message, extensions) => ({ errors: [{ message, extensions }] });

  const overHttp = async (params, headers) => {
    let response;
    try {
      response = await fetch(HTTP_URL, {
        method: 'POST',
        credentials: 'same-origin',
        redirect: 'error',
        headers: {
          accept: 'application/graphql-response+json, application/json;q=0.9',
          'content-type': 'application/json',
          ...headers,
        },
        body: JSON.stringify(params),
      });
    } catch (error) {
      return failure('The server could not be reached.', { reason: String(error.message ?? error) });
    }
    const body = await response.text();
    try {
      return learn(JSON.parse(body));
    } catch {
      return failure(`HTTP ${response.status} ${response.statusText}`.trim(),
        { status: response.status, body: body.slice(0, 2000) });
    }
  };

  const CLOSE_HINTS = {
    1001: 'The server is going away; run the subscription again.',
    1006: 'The connection broke, or the server refused it.',
    1011: 'The server met an internal error.',
    1012: 'The server restarts; run the subscription again.',
    1013: 'The server is overloaded; try again later.',
    4400: 'The server did not understand a message.',
    4401: 'Not signed in: put {"Authorization": "Bearer …"} into the Headers editor.',
    4403: 'The token was rejected: sign in again and put the new one into the Headers editor.',
    4406: 'The server does not speak graphql-transport-ws.',
    4408: 'The connection was not initialised in time.',
    4409: 'This operation is already running.',
    4429: 'Too many connections or operations.',
  };

  /** One socket per run, closed with it: the token is always the one in the editor now. */
  const overSocket = (params, connectionParams, definitions) => ({
    subscribe(sink) {
      const view = eventView(definitions, (result) => sink.next(result));
      let ended = false;
      let acked = false;
      let timer = 0;
      let socket = null;

      const end = (state, errors) => {
        if (ended) return;
        ended = true;
        clearTimeout(timer);
        view.finish(state, errors);
        if (socket && socket.readyState <= WebSocket.OPEN) socket.close(1000);
        sink.complete();
      };
      const send = (message) => socket.send(JSON.stringify(message));

      const receive = (message) => {
        switch (message.type) {
          case 'connection_ack':
            acked = true;
            clearTimeout(timer);
            send({ id: '1', type: 'subscribe', payload: params });
            return view.open();
          case 'ping': return send({ type: 'pong', payload: message.payload });
          case 'next': return view.add(message.payload);
          case 'error': return end('refused', message.payload);
          case 'complete': return end('complete');
        }
      };

      // Not before GraphiQL holds the handle to unsubscribe with.
      timer = setTimeout(() => {
        if (ended) return;
        try {
          socket = new WebSocket(WS_URL, 'graphql-transport-ws');
        } catch (error) {
          return end('failed', failure(String(error.message ?? error)).errors);
        }
        timer = setTimeout(() => end('failed', failure(
          `No connection_ack within ${ACK_TIMEOUT_MS / 1000} s.`).errors), ACK_TIMEOUT_MS);
        socket.onopen = () => !ended && send({ type: 'connection_init', payload: connectionParams });
        socket.onmessage = ({ data }) => {
          if (ended) return;
          try {
            receive(JSON.parse(data));
          } catch (error) {
            end('failed', failure('A message from the server was not understood.', { reason: String(error) }).errors);
          }
        };
        socket.onclose = ({ code, reason }) => end(acked ? 'closed by the server' : 'refused', failure(
          `The server closed the connection: ${code} ${reason}`.trim(),
          { closeCode: code, reason, hint: CLOSE_HINTS[code] }).errors);
      }, 0);

      return {
        unsubscribe() {
          if (!ended && acked && socket.readyState === WebSocket.OPEN) send({ id: '1', type: 'complete' });
          end('stopped');
        },
      };
    },
  });

  /**
   * What the response pane shows of a subscription: state, the text of a streamed answer so far,
   * then the events, newest first (the pane goes back to its top whenever it changes).
   */
  const eventView = (definitions, show) => {
    const chunkText = chunkReader(definitions);
    const events = [];
    let count = 0;
    let text = null;
    let state = 'connecting';
    let errors;
    let timer = 0;

    const render = () => {
      clearTimeout(timer);
      timer = 0;
      show({
        subscription: `${state}, ${count} event${count === 1 ? '' : 's'}`
          + (count > SHOWN_EVENTS ? `, newest ${SHOWN_EVENTS} shown` : count > 1 ? ', newest first' : ''),
        ...(errors && { errors }),
        ...(text != null && { text }),
        events,
      });
    };

    return {
      open() {
        state = 'live';
        render();
      },
      add(payload) {
        count += 1;
        events.unshift({ n: count, at: new Date().toISOString().slice(11, 23), ...payload });
        if (events.length > SHOWN_EVENTS) events.pop();
        text = chunkText(payload?.data) ?? text;
        timer ||= setTimeout(render, RENDER_EVERY_MS);
      },
      finish(last, why) {
        state = last;
        errors = why;
        render();
      },
    };
  };

  const CHUNK_TYPE = /(?:chunk|delta|token)$/i;
  const TEXT_FIELDS = ['text', 'delta', 'textDelta', 'chunk', 'content'];
  const RUN_FIELDS = ['runId', 'messageId', 'run'];

  /**
   * Returns a function that takes an event's data and gives the streamed text so far, or null.
   * A chunk is an object whose `__typename` ends in Chunk, Delta or Token; where the document does
   * not ask for `__typename`, one that has just the fields the document selects on such a type.
   */
  const chunkReader = (definitions) => {
    const fragments = Object.fromEntries(definitions
      .filter((d) => d.kind === 'FragmentDefinition').map((d) => [d.name.value, d]));
    const shapes = []; // {text: response key, keys: Set of response keys}

    const walk = (selectionSet, seen) => {
      const keys = [];
      const parts = [];
      for (const node of selectionSet?.selections ?? []) {
        if (node.kind === 'Field') {
          keys.push({ key: node.alias?.value ?? node.name.value, name: node.name.value });
          walk(node.selectionSet, seen);
          continue;
        }
        const spread = node.kind === 'FragmentSpread' ? node.name.value : null;
        if (spread && seen.has(spread)) continue;
        const part = spread ? fragments[spread] : node;
        if (!part) continue;
        const type = part.typeCondition?.name.value;
        parts.push({ type, keys: walk(part.selectionSet, spread ? new Set([...seen, spread]) : seen) });
      }
      for (const part of parts.filter((p) => CHUNK_TYPE.test(p.type ?? ''))) {
        const all = [...keys, ...part.keys];
        const text = all.find((k) => TEXT_FIELDS.includes(k.name));
        if (text) shapes.push({ text: text.key, keys: new Set(all.map((k) => k.key)) });
      }
      return keys;
    };
    definitions.filter((d) => d.kind === 'OperationDefinition').forEach((d) => walk(d.selectionSet, new Set()));

    const textKey = (object) => {
      const keys = Object.keys(object);
      if (typeof object.__typename === 'string') {
        if (!CHUNK_TYPE.test(object.__typename)) return null;
        return [...shapes.map((s) => s.text), ...TEXT_FIELDS].find((k) => typeof object[k] === 'string') ?? null;
      }
      return shapes.find((s) => typeof object[s.text] === 'string'
        && keys.length === s.keys.size && keys.every((k) => s.keys.has(k)))?.text ?? null;
    };
    const findChunk = (value) => {
      if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
      const key = textKey(value);
      if (key) return { object: value, text: value[key] };
      for (const inner of Object.values(value)) {
        const found = findChunk(inner);
        if (found) return found;
      }
      return null;
    };

    let run;
    let pieces = new Map();
    return (data) => {
      const chunk = findChunk(data);
      if (!chunk) return null;
      const id = RUN_FIELDS.map((name) => chunk.object[name]).find((value) => typeof value === 'string');
      if (id !== run) {
        run = id;
        pieces = new Map();
      }
      // A chunk sent twice after a resume counts once.
      const index = [chunk.object.index, chunk.object.seq].find(Number.isInteger);
      pieces.set(index ?? `#${pieces.size}`, chunk.text);
      return [...pieces.values()].join('');
    };
  };

  const fetcher = (params, options) => {
    const headers = filled(sentHeaders(options?.headers));
    params = filled(params);
    const gap = missing(headers, params);
    if (gap) return failure(gap);
    let definitions = [];
    try {
      definitions = GraphiQL.GraphQL.parse(params.query).definitions;
    } catch { /* the server explains the syntax error */ }
    const operations = definitions.filter((d) => d.kind === 'OperationDefinition');
    const named = operations.find((d) => d.name?.value === params.operationName);
    // Just after a change of tab GraphiQL still gives the name of the tab before.
    const request = named || !operations.length ? params : { ...params, operationName: undefined };
    return (named ?? operations[0])?.operation === 'subscription'
      ? overSocket(request, headers, definitions)
      : overHttp(request, headers);
  };

  // -------------------------------------------------------------------- page

  const Examples = () => {
    const editor = useEditorContext({ nonNull: true });
    const execution = useExecutionContext({ nonNull: true });

    // GraphiQL previews image addresses in a response by loading them, from wherever they are: off.
    React.useEffect(() => {
      editor.responseEditor?.setOption('info', false);
    }, [editor.responseEditor]);

    const open = (example) => {
      execution.stop();
      const { tabs, moveTab, changeTab } = editor;
      const there = tabs.findIndex((t) => t.query === example.query && (t.variables || null) === example.variables);
      if (there >= 0) return changeTab(there);
      moveTab([...tabs, newTab(example)]);
      changeTab(tabs.length);
    };
    const copyHeaders = () => {
      const headers = editor.headerEditor?.getValue() ?? '';
      // The same objects, so that moveTab still finds the active one among them.
      editor.tabs.forEach((tab) => Object.assign(tab, { headers }));
      editor.moveTab([...editor.tabs]);
    };

    return h('div', { className: 'yanit-bar' },
      h(DropdownMenu, { modal: false },
        h(DropdownMenu.Button, { className: 'yanit-examples', type: 'button' }, 'Examples ▾'),
        h(DropdownMenu.Content, { className: 'yanit-menu', align: 'end' },
          examples.length === 0 && h(DropdownMenu.Item, { disabled: true }, 'The server offers none'),
          examples.map((e, i) => h(DropdownMenu.Item, { key: i, onSelect: () => open(e) }, e.title)),
          h(DropdownMenu.Item, { className: 'yanit-copy', onSelect: copyHeaders }, 'Copy these headers to all tabs'))),
      h('span', { className: 'yanit-name' }, 'Yanıt GraphiQL'));
  };

  prepareTabs();
  const plugins = [GraphiQLPluginExplorer.explorerPlugin()];
  ReactDOM.createRoot(document.getElementById('graphiql')).render(
    h(GraphiQL, {
      fetcher,
      storage,
      plugins,
      defaultQuery: DEFAULT_QUERY,
      defaultHeaders: HEADERS_TEMPLATE,
      defaultEditorToolsVisibility: 'headers',
      shouldPersistHeaders: keepHeaders ? true : undefined,
      inputValueDeprecation: true,
      schemaDescription: true,
    }, h(GraphiQL.Logo, null, h(Examples))));
})();
