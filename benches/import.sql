-- The harness's data set (seed/seed.sql) in Yanıt's schema, from the same expressions.
-- For an empty, migrated database:  psql -v convs=100000 -v site=<uuid> -v agent=<uuid> -v session=<uuid> -f import.sql
-- Conversation n has the id whose hexadecimal digits are n's decimal digits (4242 -> 0x4242), so that load generators
-- that only know numbers can write `conv_4242`. Messages, visitors and agents are numbered in the same way.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
SET work_mem = '256MB';

CREATE FUNCTION pg_temp.n(number text) RETURNS uuid LANGUAGE sql IMMUTABLE AS
  $$ SELECT lpad(number, 32, '0')::uuid $$;

-- Indexes and references come back at the end, exactly as the migrations made them.
CREATE TEMP TABLE later (position int GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO later(statement)
  SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE conrelid = 'message'::regclass AND contype = 'p';
INSERT INTO later(statement)
  SELECT pg_get_indexdef(indexrelid) FROM pg_index
  WHERE indrelid IN ('message'::regclass, 'conversation'::regclass) AND NOT indisprimary;
INSERT INTO later(statement)
  SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE contype = 'f'
    AND (conrelid = 'conversation'::regclass OR (conrelid = 'message'::regclass AND confrelid = 'conversation'::regclass));
DO $$ DECLARE what record; BEGIN
  FOR what IN SELECT conrelid::regclass AS tab, conname FROM pg_constraint WHERE contype = 'f'
    AND (conrelid = 'conversation'::regclass OR (conrelid = 'message'::regclass AND confrelid = 'conversation'::regclass))
  LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', what.tab, what.conname); END LOOP;
  -- The primary key of `message` stays if something else refers to it; it is not dropped with CASCADE.
  FOR what IN SELECT indexrelid::regclass AS idx FROM pg_index
    WHERE indrelid IN ('message'::regclass, 'conversation'::regclass) AND NOT indisprimary
  LOOP EXECUTE format('DROP INDEX %s', what.idx); END LOOP;
END $$;
DELETE FROM later WHERE statement LIKE '%PRIMARY KEY%';

-- The people: one agent who holds the token, 200 whom conversations are assigned to.
INSERT INTO "user"(id, email, name, password_hash, superadmin, created_at)
  VALUES (:'agent', 'bench@example.test', 'Bench', '!', false, now());
INSERT INTO "user"(id, email, name, password_hash, superadmin, created_at)
  SELECT pg_temp.n(i::text), 'agent'||i||'@example.test', 'Agent '||i, '!', false, timestamptz '2025-01-01'
  FROM generate_series(1,200) i;
INSERT INTO session(id, user_id, refresh_hash, expires_at, created_at, last_used_at)
  VALUES (:'session', :'agent', sha256('none'), now() + interval '10 years', now(), now());
INSERT INTO site(id, name, public_key, allowed_origins, locale, owner_id, created_at)
  VALUES (:'site', 'Bench', 'bench', '[]', 'en', NULL, now());
INSERT INTO membership(id, site_id, user_id, role, created_at)
  SELECT gen_random_uuid(), :'site', id, 'AGENT', now() FROM "user";
INSERT INTO journal_head(site_id, seq, trimmed) VALUES (:'site', 0, 0);
INSERT INTO reader(site_id, name, seq) VALUES (:'site', 'answers', 0) ON CONFLICT DO NOTHING;

-- `locale` stands where the harness has the visitor's country.
INSERT INTO visitor(id, site_id, name, email, phone, locale, custom_data, created_at, last_seen_at)
  SELECT pg_temp.n(i::text), :'site', 'Visitor '||i, 'visitor'||i||'@mail.test', NULL,
    (ARRAY['de','fr','en-US','pt-BR','hi','ja','en-NG','en-GB'])[1+i%8], '{}', timestamptz '2025-01-01' + i * interval '1 second',
    timestamptz '2025-01-01' + i * interval '1 second'
  FROM generate_series(1,:convs::bigint) i;

-- Message m is number (m-1)/convs + 1 of conversation (m*48271 mod convs) + 1.
INSERT INTO message(id, site_id, conversation_id, seq, author_kind, author_id, audience, body, folded, interrupted, created_at)
  SELECT pg_temp.n(m::text), :'site', pg_temp.n(c::text), (m-1)/:convs + 1, kind,
    pg_temp.n(CASE kind WHEN 'VISITOR' THEN c WHEN 'AGENT' THEN (m*31)%200+1 ELSE 1 END::text),
    'EVERYONE', body, lower(body), false, timestamptz '2025-01-01' + m * interval '1 second'
  FROM generate_series(1,:convs::bigint*10) m
  CROSS JOIN LATERAL (SELECT (m*48271) % :convs + 1 AS c,
    CASE WHEN (m*2654435761)%10 < 5 THEN 'VISITOR' WHEN (m*2654435761)%10 < 9 THEN 'AGENT' ELSE 'ASSISTANT' END AS kind,
    substr(repeat('Hello, I ordered the blue lamp last week and the tracking page still says it is being packed. Could you look into order ',3), (1+(m*13)%100)::int, (30+(m*17)%170)::int)||' #'||m AS body) x;
ANALYZE message;

-- All conversations are open: a message to one that is closed would be refused or reopen it, which the peers do not do.
INSERT INTO conversation(id, site_id, visitor_id, status, title, description, assignee_id, assistant_paused, last_seq,
    last_message_id, last_message_author, last_message_preview, last_activity, unread_by_staff, unread_by_visitor, created_at)
  SELECT pg_temp.n(c::text), :'site', pg_temp.n(c::text), 'OPEN', 'Where is my order #'||c, x.description,
    CASE WHEN c%5=0 THEN NULL ELSE pg_temp.n(((c*7)%200+1)::text) END, true, 10,
    x.last_id, x.last_author, x.preview, (1700000000000 + x.last * 1000) * 1000, x.unread, 0,
    timestamptz '2025-01-01' + c * interval '1 second'
  FROM (SELECT c, max(m) AS last,
      max(id::text) FILTER (WHERE seq = 10)::uuid AS last_id,
      max(author_kind) FILTER (WHERE seq = 10) AS last_author,
      max(left(body,140)) FILTER (WHERE seq = 10) AS preview,
      max(left(body,45)) FILTER (WHERE seq = 1) AS description,
      (count(*) FILTER (WHERE m > :convs::bigint*10 - (c%7)*:convs::bigint AND author_kind = 'VISITOR'))::int AS unread
    FROM (SELECT replace(id::text,'-','')::numeric::bigint AS m, replace(conversation_id::text,'-','')::numeric::bigint AS c,
        id, seq, author_kind, body FROM message) y
    GROUP BY c) x;

-- Answers: a visitor with conversations whose assistant is not paused. conv_<tokens>a<n> belongs to an assistant whose
-- answers have that many tokens.
INSERT INTO visitor(id, site_id, name, custom_data, created_at, last_seen_at)
  VALUES (:'asker', :'site', 'Asker', '{}', now(), now());
INSERT INTO assistant(id, site_id, name, instructions, provider, model, temperature, max_tokens, language, welcome_text,
    enabled, open_to_customers, created_at, updated_at)
  SELECT pg_temp.n('a'||t), :'site', 'Assistant '||t, 'Answer briefly.', 'OPENAI_COMPATIBLE', 'fake', 0.2, t, 'en', '',
    true, false, now(), now() FROM unnest(ARRAY[100,400,500]) t;
INSERT INTO conversation(id, site_id, assistant_id, visitor_id, status, title, assistant_paused, last_seq, last_activity,
    unread_by_staff, unread_by_visitor, created_at)
  SELECT pg_temp.n(t||'a'||i), :'site', pg_temp.n('a'||t), :'asker', 'OPEN', 'Answers', false, 0, 1600000000000000 + i, 0, 0, now()
  FROM unnest(ARRAY[100,400,500]) t, generate_series(1,500) i;

SELECT statement FROM later ORDER BY position \gexec
VACUUM (ANALYZE);
