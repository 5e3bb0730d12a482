// A visitor and an agent on one page, on nothing but the public API. What others wrote becomes text, never markup.
import { Caller, newId, request } from "./client.js";

/** Marks GraphQL documents: tests check each against the schema. */
const gql = String.raw;

const SITE = gql`query Site($key: String!) {
  widgetBootstrap(siteKey: $key) {
    site { name } language texts { placeholder } state { message }
    assistant { name welcomeText disclosure suggestedQuestions }
  }
}`;
const VISIT = gql`mutation Visit($input: StartVisitorSessionInput!) { startVisitorSession(input: $input) { token } }`;
const START = gql`mutation Start($input: StartConversationInput!) {
  startConversation(input: $input) { started conversation { id } }
}`;
const SEND = gql`mutation Send($input: SendMessageInput!) { sendMessage(input: $input) { message { id } } }`;
const ASK_FOR_PERSON = gql`mutation AskForPerson($input: RequestHumanInput!) {
  requestHuman(input: $input) { conversation { id } }
}`;
const READ = gql`query Read($id: ID!) {
  conversation(conversationId: $id) {
    cursor status attention assignee { name }
    messages(last: 50) { nodes { id seq clientId runId audience body deletedAt author { kind name } citations { number title quote } } }
  }
}`;
const FOLLOW = gql`subscription Follow($id: ID!, $after: EventCursor) {
  conversationEvents(conversationId: $id, after: $after) {
    __typename
    ... on MessageChanged {
      cursor
      message { id seq clientId runId audience body deletedAt author { kind name } citations { number title quote } }
    }
    ... on ConversationChanged { cursor conversation { status attention assignee { name } } }
    ... on ConversationDeleted { cursor }
    ... on RunStarted { eventCursor runId }
    ... on SourcesFound { eventCursor runId sources { number title quote } }
    ... on Chunk { runId start text }
    ... on RunFinished { eventCursor runId }
    ... on RunFailed { eventCursor runId reason }
    ... on Gap { cursor }
  }
}`;
const QUEUE = gql`subscription Queue($id: ID!) {
  queuePosition(conversationId: $id) { isWaiting position waiting estimatedWaitSeconds outcome }
}`;
const MARK_READ = gql`mutation MarkRead($input: MarkReadInput!) { markRead(input: $input) { __typename } }`;
const LOGIN = gql`mutation Login($input: LoginInput!) { login(input: $input) { accessToken refreshToken user { name } } }`;
const RENEW = gql`mutation Renew($input: RefreshSessionInput!) { refreshSession(input: $input) { accessToken refreshToken } }`;
const SITES = gql`query Sites { sites(first: 50) { nodes { id name publicKey } } }`;
const INBOX = gql`query Inbox($site: ID!) {
  inboxCursor(siteId: $site)
  conversations(siteId: $site, filter: { status: OPEN }, first: 30) {
    nodes { id unreadCount attention description lastActivityAt visitor { name } lastMessage { body } }
  }
}`;
const FOLLOW_INBOX = gql`subscription FollowInbox($site: ID!, $after: EventCursor) {
  inboxEvents(siteId: $site, filter: { status: OPEN }, after: $after) {
    __typename
    ... on InboxEntry {
      cursor move conversationId
      conversation { id unreadCount attention description lastActivityAt visitor { name } lastMessage { body } }
    }
    ... on Gap { cursor }
  }
}`;
const BE_THERE = gql`subscription BeThere($site: ID!) { agentSession(siteId: $site) { sessionId } }`;
const OFFERS = gql`subscription Offers($site: ID!) { chatOffers(siteId: $site) { offers { conversationId expiresAt } } }`;
const ACCEPT = gql`mutation Accept($input: AcceptOfferInput!) { acceptOffer(input: $input) { conversation { id } } }`;
const DECLINE = gql`mutation Decline($input: DeclineOfferInput!) { declineOffer(input: $input) { __typename } }`;
const CLOSE = gql`mutation Close($input: CloseConversationInput!) { closeConversation(input: $input) { conversation { id } } }`;

/** An element with text or children. */
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** What those are called who have no name. */
const NAMES = { VISITOR: "Visitor", AGENT: "Agent", ASSISTANT: "Assistant", SYSTEM: "" };

/** Who attends a conversation that nobody has. */
const STATES = {
  ASSISTANT: "The assistant answers.",
  WAITING: "It waits for a person.",
  CLOSED: "It is closed.",
  DELETED: "It was deleted.",
};

/** A name of the API as words. */
const words = (name) => name.toLowerCase().replaceAll("_", " ");

/** Half of the page: somebody, and what they see. */
class Side extends Caller {
  constructor(root) {
    super();
    this.root = root;
  }

  find(selector) { return this.root.querySelector(selector); }

  show(words) { this.find(".line").textContent = words; }

  trouble(error) { this.find(".trouble").textContent = error?.message ?? ""; }

  /** Does what somebody asked for, and shows what went wrong. */
  async attempt(work) {
    this.trouble();
    try { return await work(); } catch (error) { this.trouble(error); }
  }
}

/** A conversation as one side sees it. */
class Talk {
  constructor(person, mine, deliver) {
    Object.assign(this, { person, mine, deliver, rows: new Map(), stops: [], newest: 0, sending: Promise.resolve() });
    this.log = person.find(".log");
    this.log.replaceChildren();
    const form = person.find(".say");
    const field = form.elements.body;
    form.onsubmit = (event) => {
      event.preventDefault();
      const body = field.value.trim();
      if (body) this.send(body);
      field.value = "";
    };
    field.onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    };
  }

  /** Shows a conversation and follows it from where it was read. */
  async open(id) {
    this.close(id);
    this.id = id;
    const turn = (this.turn = {});
    const { conversation } = await this.person.ask(READ, { id });
    // Something else was opened meanwhile, or the same once more.
    if (this.turn !== turn) return;
    this.change(conversation);
    conversation.messages.nodes.forEach((message) => this.put(message));
    this.see(conversation.messages.nodes.at(-1));
    this.stops.push(this.person.follow(FOLLOW, { id, after: conversation.cursor }, (event) => this.hear(event)));
    this.opened?.(id);
  }

  /** Shows nothing more of it. What was not sent stays if it is for the conversation that comes `next`. */
  close(next) {
    this.stops.splice(0).forEach((stop) => stop());
    for (const [key, { unsent, of }] of this.rows) if (!unsent || (of && of !== next)) this.drop(key);
    this.id = this.turn = undefined;
    this.isOpen = false;
    this.newest = 0;
  }

  hear(event) {
    const { __typename: type, message, runId } = event;
    if (type === "MessageChanged") {
      this.put(message);
      if (message.author.kind !== this.mine) this.see(message);
    } else if (type === "ConversationChanged") this.change(event.conversation);
    else if (type === "ConversationDeleted") this.change({ status: "CLOSED", attention: "DELETED" });
    else if (type === "RunStarted") this.write(runId, 0, "");
    else if (type === "Chunk") this.write(runId, event.start, event.text);
    else if (type === "SourcesFound") this.write(runId, Infinity, "", event.sources);
    else if (type === "RunFinished") this.drop(runId);
    else if (type === "RunFailed") {
      this.drop(runId);
      if (event.reason === "SUPERSEDED") return;
      this.row(`failed ${runId}`, "SYSTEM", "", `No answer was written: ${words(event.reason)}.`, [], this.newest + 0.5);
    } else if (type === "Gap") this.person.attempt(() => this.open(this.id));
  }

  change(conversation) {
    const { status, attention, assignee } = conversation;
    this.isOpen = status === "OPEN";
    this.person.find(".state").textContent = STATES[attention] ?? `${assignee?.name ?? "A person"} has the conversation.`;
    this.changed?.(conversation);
  }

  /** A stored message, in its place. */
  put(message) {
    const { id, seq, clientId, runId, audience, deletedAt, author } = message;
    this.newest = Math.max(this.newest, seq);
    this.drop(clientId);
    this.drop(runId);
    const name = `${author.name ?? NAMES[author.kind]}${audience === "EVERYONE" ? "" : " (internal note)"}`;
    this.row(id, author.kind, name, deletedAt ? "(deleted)" : message.body, message.citations, seq);
  }

  /** A piece of an answer that is being written: it replaces what stands from the character `start` on. */
  write(runId, start, text, sources) {
    const before = Array.from(this.rows.get(runId)?.text ?? "").slice(0, start).join("");
    const row = this.row(runId, "ASSISTANT", NAMES.ASSISTANT, before + text, sources);
    row.element.classList.add("live");
    row.element.setAttribute("aria-busy", "true");
  }

  /** Makes or changes a row; what has no number yet stands at the end. */
  row(key, kind, name, text, sources, order = Infinity) {
    const row = this.rows.get(key) ?? { element: make("div"), order, text: "", sources: [] };
    row.text = text ?? row.text;
    row.sources = sources ?? row.sources;
    row.element.className = `message ${kind}${kind === this.mine ? " mine" : ""}`;
    row.element.replaceChildren(make("p", { className: "who", textContent: kind === "SYSTEM" ? "" : name }));
    row.element.append(make("p", { className: "body", textContent: row.text }));
    if (row.sources.length > 0) {
      const quotes = row.sources.map(({ number, title, quote }) =>
        make("div", {}, make("p", { textContent: `[${number}] ${title}` }), make("blockquote", { textContent: quote })));
      row.element.append(make("details", {}, make("summary", { textContent: `Sources: ${quotes.length}` }), ...quotes));
    }
    if (!this.rows.has(key)) {
      this.rows.set(key, row);
      const after = [...this.rows.values()].filter((other) => other.order > order).map((other) => other.element);
      this.log.insertBefore(row.element, [...this.log.children].find((child) => after.includes(child)) ?? null);
    }
    this.log.scrollTop = this.log.scrollHeight;
    return row;
  }

  drop(key) {
    this.rows.get(key)?.element.remove();
    this.rows.delete(key);
  }

  see(message) {
    if (!message) return;
    const input = { conversationId: this.id, seq: message.seq };
    this.person.ask(MARK_READ, { input }).catch((error) => this.person.trouble(error));
  }

  /** Sends what was written, one message after the other, so that they keep their order. */
  send(body, clientId = newId()) {
    const row = this.row(clientId, this.mine, "Sending…", body);
    row.unsent = true;
    row.of ??= this.id;
    this.sending = this.sending.then(() => this.sent({ body, clientId }, row));
  }

  /** Keeps what could not be sent: with the same id a retry never doubles it. */
  async sent(message, row) {
    try {
      await this.deliver(message, row.of);
      this.drop(message.clientId);
    } catch (error) {
      if (!this.rows.has(message.clientId)) return this.person.trouble(error);
      this.row(message.clientId, this.mine, `Not sent. ${error.message}`);
      const retry = make("button", { type: "button", textContent: "Retry" });
      retry.onclick = () => this.send(message.body, message.clientId);
      row.element.append(retry);
    }
  }
}

class Visitor extends Side {
  constructor(root, key) {
    super(root);
    this.key = key;
    this.kept = JSON.parse(sessionStorage.getItem(`yanit-demo ${key}`) ?? "{}");
    this.talk = new Talk(this, "VISITOR", (message) => this.deliver(message));
    this.talk.changed = ({ status, attention }) => {
      this.find(".human").disabled = status === "OPEN" && attention !== "ASSISTANT";
    };
    this.talk.opened = (id) => this.talk.stops.push(this.follow(QUEUE, { id }, (place) => this.wait(place)));
    this.find(".human").disabled = false;
    this.find(".human").onclick = () => this.attempt(async () => {
      if (!this.talk.isOpen) await this.start({});
      await this.ask(ASK_FOR_PERSON, { input: { conversationId: this.talk.id } });
    });
  }

  keep(what) {
    Object.assign(this.kept, what);
    sessionStorage.setItem(`yanit-demo ${this.key}`, JSON.stringify(this.kept));
  }

  async renew() {
    const input = { siteKey: this.key, visitorToken: this.kept.token };
    this.token = (await request(VISIT, { input })).startVisitorSession.token;
    this.keep({ token: this.token });
    return this.token;
  }

  async enter() {
    const { site, language, texts, state, assistant } = (await request(SITE, { key: this.key })).widgetBootstrap;
    this.find(".inside").hidden = false;
    this.find(".inside").lang = language;
    this.find(".name").textContent = assistant ? `${assistant.name} of ${site.name}` : site.name;
    this.find(".disclosure").textContent = assistant?.disclosure ?? state.message;
    this.find(".welcome").textContent = assistant?.welcomeText ?? "";
    this.find("textarea").placeholder = texts.placeholder;
    const suggested = (assistant?.suggestedQuestions ?? []).map((question) =>
      make("button", { type: "button", textContent: question, onclick: () => this.talk.send(question) }));
    this.find(".suggestions").replaceChildren(...suggested);
    // Whoever reloads the page goes on; whoever comes for the first time leaves nothing before they write.
    if (!this.kept.conversation) return;
    await this.talk.open(this.kept.conversation).catch((error) => {
      this.talk.close();
      if (error.code !== "NOT_FOUND") throw error;
      this.keep({ conversation: undefined });
    });
  }

  async start(input) {
    const { conversation } = (await this.ask(START, { input })).startConversation;
    this.keep({ conversation: conversation.id });
    await this.talk.open(conversation.id);
  }

  /** The first message begins the conversation; later ones go into it. */
  async deliver(message) {
    if (!this.talk.isOpen) return this.start({ message });
    await this.ask(SEND, { input: { conversationId: this.talk.id, ...message } });
  }

  wait({ isWaiting, position, waiting, estimatedWaitSeconds, outcome }) {
    const about = estimatedWaitSeconds === null ? "nobody is there yet" : `about ${Math.max(30, estimatedWaitSeconds)} s`;
    const ended = outcome ? `The wait is over: ${words(outcome)}.` : "";
    this.find(".queue").textContent = isWaiting ? `Place ${position} of ${waiting} in the queue, ${about}.` : ended;
  }
}

class Agent extends Side {
  constructor(root) {
    super(root);
    this.inbox = new Map();
    this.talk = new Talk(this, "AGENT", (message, conversationId) => this.ask(SEND, { input: { conversationId, ...message } }));
    this.find(".close").onclick = () =>
      this.attempt(() => this.ask(CLOSE, { input: { conversationId: this.talk.id } }));
    this.talk.changed = ({ status }) => { this.find(".close").disabled = status !== "OPEN"; };
  }

  keep({ accessToken, refreshToken }) {
    Object.assign(this, { token: accessToken, refreshToken });
    return accessToken;
  }

  async renew() {
    try {
      return this.keep((await request(RENEW, { input: { refreshToken: this.refreshToken } })).refreshSession);
    } catch (error) {
      if (error.code) this.find(".enter").hidden = false;
      throw error;
    }
  }

  async enter(email, password, siteKey) {
    const { login } = await request(LOGIN, { input: { email, password } });
    this.keep(login);
    const sites = (await this.ask(SITES)).sites.nodes;
    const site = sites.find(({ publicKey }) => publicKey === siteKey) ?? sites[0];
    if (!site) throw new Error("This account is a member of no site.");
    this.site = site.id;
    this.find(".name").textContent = `${login.user.name} of ${site.name}`;
    this.find(".enter").hidden = true;
    this.find(".inside").hidden = false;
    this.follow(BE_THERE, { site: site.id }, () => {});
    this.follow(OFFERS, { site: site.id }, ({ offers }) => this.offer(offers));
    await this.load();
  }

  async load() {
    this.stop?.();
    const { inboxCursor, conversations } = await this.ask(INBOX, { site: this.site });
    this.inbox = new Map(conversations.nodes.map((one) => [one.id, one]));
    this.list();
    this.stop = this.follow(FOLLOW_INBOX, { site: this.site, after: inboxCursor }, (event) => {
      if (event.__typename === "Gap") this.attempt(() => this.load());
      if (event.__typename !== "InboxEntry") return;
      if (event.move === "LEFT") this.inbox.delete(event.conversationId);
      else this.inbox.set(event.conversationId, event.conversation);
      this.list();
    });
  }

  list() {
    const newest = [...this.inbox.values()].sort((one, other) => (one.lastActivityAt < other.lastActivityAt ? 1 : -1));
    const rows = newest.map((one) => {
      const unread = one.unreadCount > 0 ? `(${one.unreadCount} unread) ` : "";
      const text = `${unread}${one.visitor?.name ?? "Visitor"}, ${words(one.attention)}: ${one.lastMessage?.body ?? ""}`;
      const button = make("button", { type: "button", textContent: text, onclick: () => this.choose(one.id) });
      button.setAttribute("aria-current", String(one.id === this.talk.id));
      return make("li", {}, button);
    });
    this.find(".inbox").replaceChildren(...(rows.length > 0 ? rows : [make("li", { textContent: "Nothing is open." })]));
  }

  choose(id) {
    this.find(".talk").hidden = false;
    return this.attempt(() => this.talk.open(id).finally(() => this.list()));
  }

  offer(offers) {
    const rows = offers.map(({ conversationId }) => {
      const input = { conversationId };
      const accept = make("button", { type: "button", textContent: "Accept" });
      accept.onclick = () => this.attempt(() => this.ask(ACCEPT, { input }).then(() => this.choose(conversationId)));
      const decline = make("button", { type: "button", textContent: "Decline" });
      decline.onclick = () => this.attempt(() => this.ask(DECLINE, { input }));
      const about = this.inbox.get(conversationId)?.description ?? "";
      return make("p", {}, `A visitor waits for you: ${about} `, accept, decline);
    });
    this.find(".offers").replaceChildren(...rows);
  }
}

async function begin() {
  const [left, right] = [document.getElementById("visitor"), document.getElementById("agent")];
  const [visit, signIn] = [left.querySelector(".enter"), right.querySelector(".enter")];
  const { key } = visit.elements;
  const { email, password } = signIn.elements;
  let visitor, agent;
  const enter = () => {
    visitor?.leave();
    visitor = new Visitor(left, key.value.trim());
    return visitor.attempt(() => visitor.enter());
  };
  visit.onsubmit = (event) => {
    event.preventDefault();
    enter();
  };
  signIn.onsubmit = (event) => {
    event.preventDefault();
    agent?.leave();
    agent = new Agent(right);
    agent.attempt(() => agent.enter(email.value, password.value, key.value.trim()));
  };
  const demo = await fetch("demo/site").then((answer) => answer.json()).catch(() => ({}));
  email.value = demo.agent ?? "";
  key.value = demo.siteKey ?? "";
  visit.querySelector(".hint").textContent = demo.siteKey ? "" : "There is no demo site here: paste the key of a site.";
  if (demo.siteKey) await enter();
}

begin();
