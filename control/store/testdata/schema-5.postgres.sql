--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: river_job_state; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.river_job_state AS ENUM (
    'available',
    'cancelled',
    'completed',
    'discarded',
    'pending',
    'retryable',
    'running',
    'scheduled'
);


--
-- Name: river_job_state_in_bitmask(bit, public.river_job_state); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.river_job_state_in_bitmask(bitmask bit, state public.river_job_state) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE state
        WHEN 'available' THEN get_bit(bitmask, 7)
        WHEN 'cancelled' THEN get_bit(bitmask, 6)
        WHEN 'completed' THEN get_bit(bitmask, 5)
        WHEN 'discarded' THEN get_bit(bitmask, 4)
        WHEN 'pending'   THEN get_bit(bitmask, 3)
        WHEN 'retryable' THEN get_bit(bitmask, 2)
        WHEN 'running'   THEN get_bit(bitmask, 1)
        WHEN 'scheduled' THEN get_bit(bitmask, 0)
        ELSE 0
    END = 1;
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: access_requests; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.access_requests (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL COLLATE pg_catalog."C",
    resource_type text NOT NULL COLLATE pg_catalog."C",
    resource text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    duration bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    approver text NOT NULL COLLATE pg_catalog."C",
    note text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    decided bigint NOT NULL,
    expires bigint NOT NULL
);


--
-- Name: account_groups; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.account_groups (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    roles text NOT NULL COLLATE pg_catalog."C",
    hosts text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    version bigint NOT NULL,
    granted bigint DEFAULT 0 NOT NULL
);


--
-- Name: accounts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.accounts (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    display_name text NOT NULL COLLATE pg_catalog."C",
    email text NOT NULL COLLATE pg_catalog."C",
    roles text NOT NULL COLLATE pg_catalog."C",
    hosts text NOT NULL COLLATE pg_catalog."C",
    disabled bigint NOT NULL,
    issuer text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    last_sign_in bigint NOT NULL,
    version bigint NOT NULL,
    invited bigint DEFAULT 0 NOT NULL,
    invited_by text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    granted bigint DEFAULT 0 NOT NULL,
    granted_by text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: answers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.answers (
    id text NOT NULL COLLATE pg_catalog."C",
    digest bytea NOT NULL,
    body bytea NOT NULL,
    created bigint NOT NULL
);


--
-- Name: assessments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.assessments (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    node_name text NOT NULL COLLATE pg_catalog."C",
    "time" bigint NOT NULL,
    published bigint NOT NULL,
    publisher text NOT NULL COLLATE pg_catalog."C",
    statuses text NOT NULL COLLATE pg_catalog."C",
    document bytea NOT NULL
);


--
-- Name: bun_migration_locks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.bun_migration_locks (
    id bigint NOT NULL,
    table_name character varying
);


--
-- Name: bun_migration_locks_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.bun_migration_locks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: bun_migration_locks_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.bun_migration_locks_id_seq OWNED BY public.bun_migration_locks.id;


--
-- Name: bun_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.bun_migrations (
    id bigint NOT NULL,
    name character varying,
    group_id bigint,
    migrated_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);


--
-- Name: bun_migrations_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.bun_migrations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: bun_migrations_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.bun_migrations_id_seq OWNED BY public.bun_migrations.id;


--
-- Name: bundles; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.bundles (
    kind text NOT NULL COLLATE pg_catalog."C",
    scope text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    digest text NOT NULL COLLATE pg_catalog."C",
    document bytea NOT NULL,
    signature text NOT NULL COLLATE pg_catalog."C",
    author text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL
);


--
-- Name: changes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.changes (
    seq bigint NOT NULL,
    "time" bigint NOT NULL,
    operation text NOT NULL COLLATE pg_catalog."C",
    object_type text NOT NULL COLLATE pg_catalog."C",
    object text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: checkpoints; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.checkpoints (
    origin text NOT NULL COLLATE pg_catalog."C",
    keeper text NOT NULL COLLATE pg_catalog."C",
    size bigint NOT NULL,
    root bytea NOT NULL,
    note text NOT NULL COLLATE pg_catalog."C",
    "time" bigint NOT NULL
);


--
-- Name: counters; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.counters (
    name text NOT NULL COLLATE pg_catalog."C",
    value bigint NOT NULL
);


--
-- Name: drill_results; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.drill_results (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    drill text NOT NULL COLLATE pg_catalog."C",
    requirement text NOT NULL COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    verdict text NOT NULL COLLATE pg_catalog."C",
    without_control text NOT NULL COLLATE pg_catalog."C",
    with_control text NOT NULL COLLATE pg_catalog."C",
    why text NOT NULL COLLATE pg_catalog."C",
    duration_ms bigint NOT NULL,
    version text NOT NULL COLLATE pg_catalog."C",
    ran bigint NOT NULL,
    published bigint NOT NULL,
    publisher text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    node_name text NOT NULL COLLATE pg_catalog."C",
    "time" bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    severity text NOT NULL COLLATE pg_catalog."C",
    requirement text NOT NULL COLLATE pg_catalog."C",
    before_value text NOT NULL COLLATE pg_catalog."C",
    after_value text NOT NULL COLLATE pg_catalog."C",
    message text NOT NULL COLLATE pg_catalog."C",
    message_zh text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: exception_requests; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.exception_requests (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    check_id text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    owner text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    expires text NOT NULL COLLATE pg_catalog."C",
    requester text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    decider text NOT NULL COLLATE pg_catalog."C",
    note text NOT NULL COLLATE pg_catalog."C",
    decided bigint NOT NULL,
    exception text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: exceptions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.exceptions (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    check_id text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    owner text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    expires text NOT NULL COLLATE pg_catalog."C",
    creator text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL
);


--
-- Name: factors; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.factors (
    id text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    data bytea NOT NULL,
    created bigint NOT NULL,
    last_used bigint NOT NULL,
    counter bigint NOT NULL
);


--
-- Name: facts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.facts (
    node text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C",
    data bytea NOT NULL
);


--
-- Name: finding_notes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.finding_notes (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    finding text NOT NULL COLLATE pg_catalog."C",
    "time" bigint NOT NULL,
    author text NOT NULL COLLATE pg_catalog."C",
    author_name text NOT NULL COLLATE pg_catalog."C",
    was_state text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    was_owner text NOT NULL COLLATE pg_catalog."C",
    owner text NOT NULL COLLATE pg_catalog."C",
    comment text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: findings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.findings (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    node_name text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    requirement text NOT NULL COLLATE pg_catalog."C",
    severity text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    message text NOT NULL COLLATE pg_catalog."C",
    message_zh text NOT NULL COLLATE pg_catalog."C",
    first_seen bigint NOT NULL,
    last_seen bigint NOT NULL,
    ended bigint NOT NULL,
    seen bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    exception text NOT NULL COLLATE pg_catalog."C",
    state text DEFAULT 'open'::text NOT NULL COLLATE pg_catalog."C",
    owner text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    owner_name text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    triaged bigint DEFAULT 0 NOT NULL,
    comment text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    comments bigint DEFAULT 0 NOT NULL,
    version bigint DEFAULT 0 NOT NULL
);


--
-- Name: former_tenants; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.former_tenants (
    id text NOT NULL COLLATE pg_catalog."C",
    deleted bigint NOT NULL
);


--
-- Name: join_tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.join_tokens (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    secret_hash bytea NOT NULL,
    pool text NOT NULL COLLATE pg_catalog."C",
    labels text NOT NULL COLLATE pg_catalog."C",
    sensitivity text NOT NULL COLLATE pg_catalog."C",
    replaces text NOT NULL COLLATE pg_catalog."C",
    creator text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    expires bigint NOT NULL,
    used bigint NOT NULL,
    used_by text NOT NULL COLLATE pg_catalog."C",
    revoked bigint NOT NULL
);


--
-- Name: logs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.logs (
    origin text NOT NULL COLLATE pg_catalog."C",
    public_key text NOT NULL COLLATE pg_catalog."C",
    checkpoint text NOT NULL COLLATE pg_catalog."C",
    problems text NOT NULL COLLATE pg_catalog."C",
    verified bigint NOT NULL
);


--
-- Name: memberships; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.memberships (
    user_id text NOT NULL COLLATE pg_catalog."C",
    group_id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: node_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.node_keys (
    hash bytea NOT NULL,
    node text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL
);


--
-- Name: nodes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.nodes (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    machine text NOT NULL COLLATE pg_catalog."C",
    pool text NOT NULL COLLATE pg_catalog."C",
    labels text NOT NULL COLLATE pg_catalog."C",
    sensitivity text NOT NULL COLLATE pg_catalog."C",
    cordoned bigint NOT NULL,
    drained bigint NOT NULL,
    key_hash bytea NOT NULL,
    serial text NOT NULL COLLATE pg_catalog."C",
    previous text NOT NULL COLLATE pg_catalog."C",
    certificate_ends bigint NOT NULL,
    joined bigint NOT NULL,
    revoked bigint NOT NULL,
    revoked_reason text NOT NULL COLLATE pg_catalog."C",
    health text NOT NULL COLLATE pg_catalog."C",
    health_since bigint NOT NULL,
    health_reason text NOT NULL COLLATE pg_catalog."C",
    flapping bigint NOT NULL,
    last_seen bigint NOT NULL,
    agent_version text NOT NULL COLLATE pg_catalog."C",
    addresses text NOT NULL COLLATE pg_catalog."C",
    run text NOT NULL COLLATE pg_catalog."C",
    policies bigint NOT NULL,
    settings bigint NOT NULL,
    assignment bigint NOT NULL,
    spooled bigint NOT NULL,
    dropped bigint NOT NULL,
    facts_digest text NOT NULL COLLATE pg_catalog."C",
    facts_taken bigint NOT NULL,
    facts_received bigint NOT NULL,
    assessed text NOT NULL COLLATE pg_catalog."C",
    assessed_at bigint NOT NULL,
    log_key text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    objects_digest text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: objects; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.objects (
    node text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    node_name text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    image text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    first_seen bigint NOT NULL,
    changed bigint NOT NULL,
    updated bigint NOT NULL,
    gone bigint NOT NULL,
    summary text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: passwords; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.passwords (
    user_id text NOT NULL COLLATE pg_catalog."C",
    hash text NOT NULL COLLATE pg_catalog."C",
    changed bigint NOT NULL
);


--
-- Name: policies; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.policies (
    tenant text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    files text NOT NULL COLLATE pg_catalog."C",
    author text NOT NULL COLLATE pg_catalog."C",
    note text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    digest text NOT NULL COLLATE pg_catalog."C",
    signature text NOT NULL COLLATE pg_catalog."C",
    approver text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    proposal text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: policy_proposals; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.policy_proposals (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    base bigint NOT NULL,
    files text NOT NULL COLLATE pg_catalog."C",
    note text NOT NULL COLLATE pg_catalog."C",
    author text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    outcome text NOT NULL COLLATE pg_catalog."C",
    approver text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    created bigint NOT NULL,
    ended bigint NOT NULL
);


--
-- Name: pools; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pools (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    description text NOT NULL COLLATE pg_catalog."C",
    settings text NOT NULL COLLATE pg_catalog."C",
    plan text NOT NULL COLLATE pg_catalog."C",
    windows text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    version bigint NOT NULL
);


--
-- Name: positions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.positions (
    origin text NOT NULL COLLATE pg_catalog."C",
    next bigint NOT NULL
);


--
-- Name: records; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.records (
    origin text NOT NULL COLLATE pg_catalog."C",
    place bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    "time" bigint NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    actor_name text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL COLLATE pg_catalog."C",
    resource_type text NOT NULL COLLATE pg_catalog."C",
    resource text NOT NULL COLLATE pg_catalog."C",
    outcome text NOT NULL COLLATE pg_catalog."C",
    record text NOT NULL COLLATE pg_catalog."C",
    event bytea NOT NULL
);


--
-- Name: report_parts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.report_parts (
    report text NOT NULL COLLATE pg_catalog."C",
    file text NOT NULL COLLATE pg_catalog."C",
    part bigint NOT NULL,
    data bytea NOT NULL
);


--
-- Name: reports; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reports (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    all_tenants bigint NOT NULL,
    title text NOT NULL COLLATE pg_catalog."C",
    scope text NOT NULL COLLATE pg_catalog."C",
    as_of bigint NOT NULL,
    since bigint NOT NULL,
    author text NOT NULL COLLATE pg_catalog."C",
    author_name text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    done bigint NOT NULL,
    total bigint NOT NULL,
    error text NOT NULL COLLATE pg_catalog."C",
    finished bigint NOT NULL,
    summary text NOT NULL COLLATE pg_catalog."C",
    nodes bigint NOT NULL,
    signature text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    files text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: river_job; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.river_job (
    id bigint NOT NULL,
    state public.river_job_state DEFAULT 'available'::public.river_job_state NOT NULL,
    attempt smallint DEFAULT 0 NOT NULL,
    max_attempts smallint DEFAULT 25 NOT NULL,
    attempted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finalized_at timestamp with time zone,
    scheduled_at timestamp with time zone DEFAULT now() NOT NULL,
    priority smallint DEFAULT 1 NOT NULL,
    args jsonb NOT NULL,
    attempted_by text[],
    errors jsonb[],
    kind text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    queue text DEFAULT 'default'::text NOT NULL,
    tags character varying(255)[] DEFAULT '{}'::character varying[] NOT NULL,
    unique_key bytea,
    unique_states bit(8),
    CONSTRAINT finalized_or_finalized_at_null CHECK ((((finalized_at IS NULL) AND (state <> ALL (ARRAY['cancelled'::public.river_job_state, 'completed'::public.river_job_state, 'discarded'::public.river_job_state]))) OR ((finalized_at IS NOT NULL) AND (state = ANY (ARRAY['cancelled'::public.river_job_state, 'completed'::public.river_job_state, 'discarded'::public.river_job_state]))))),
    CONSTRAINT kind_length CHECK (((char_length(kind) > 0) AND (char_length(kind) < 128))),
    CONSTRAINT max_attempts_is_positive CHECK ((max_attempts > 0)),
    CONSTRAINT priority_in_range CHECK (((priority >= 1) AND (priority <= 4))),
    CONSTRAINT queue_length CHECK (((char_length(queue) > 0) AND (char_length(queue) < 128)))
);


--
-- Name: river_job_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.river_job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: river_job_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.river_job_id_seq OWNED BY public.river_job.id;


--
-- Name: river_leader; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.river_leader (
    elected_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    leader_id text NOT NULL,
    name text DEFAULT 'default'::text NOT NULL,
    CONSTRAINT leader_id_length CHECK (((char_length(leader_id) > 0) AND (char_length(leader_id) < 128))),
    CONSTRAINT name_length CHECK ((name = 'default'::text))
);


--
-- Name: river_migration; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.river_migration (
    line text NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT line_length CHECK (((char_length(line) > 0) AND (char_length(line) < 128))),
    CONSTRAINT version_gte_1 CHECK ((version >= 1))
);


--
-- Name: river_notification; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.river_notification (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    payload text NOT NULL,
    topic text NOT NULL,
    CONSTRAINT topic_length CHECK (((length(topic) > 0) AND (length(topic) < 128)))
);


--
-- Name: river_notification_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.river_notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: river_notification_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.river_notification_id_seq OWNED BY public.river_notification.id;


--
-- Name: river_queue; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.river_queue (
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    paused_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);


--
-- Name: rollouts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.rollouts (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    pool text NOT NULL COLLATE pg_catalog."C",
    from_version bigint NOT NULL,
    to_version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    share bigint NOT NULL,
    step bigint NOT NULL,
    step_since bigint NOT NULL,
    reason text NOT NULL COLLATE pg_catalog."C",
    nodes bigint NOT NULL,
    applied bigint NOT NULL,
    failed bigint NOT NULL,
    findings bigint NOT NULL,
    author text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    ended bigint NOT NULL,
    version bigint NOT NULL
);


--
-- Name: schema_compatibility; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_compatibility (
    version bigint NOT NULL,
    oldest bigint NOT NULL
);


--
-- Name: secrets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.secrets (
    name text NOT NULL COLLATE pg_catalog."C",
    data bytea NOT NULL,
    created bigint NOT NULL
);


--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    id text NOT NULL COLLATE pg_catalog."C",
    secret_hash bytea NOT NULL,
    user_id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    auth text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    last_seen bigint NOT NULL,
    expires bigint NOT NULL,
    idle bigint NOT NULL,
    address text NOT NULL COLLATE pg_catalog."C",
    user_agent text NOT NULL COLLATE pg_catalog."C",
    client text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: tenants; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tenants (
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    labels text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    version bigint NOT NULL
);


--
-- Name: throttles; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.throttles (
    id text NOT NULL COLLATE pg_catalog."C",
    failures bigint NOT NULL,
    last bigint NOT NULL
);


--
-- Name: tickets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tickets (
    kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    lookup text NOT NULL COLLATE pg_catalog."C",
    data bytea NOT NULL,
    created bigint NOT NULL,
    expires bigint NOT NULL
);


--
-- Name: tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tokens (
    id text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    prefix text NOT NULL COLLATE pg_catalog."C",
    secret_hash bytea NOT NULL,
    scopes text NOT NULL COLLATE pg_catalog."C",
    auth text NOT NULL COLLATE pg_catalog."C",
    created bigint NOT NULL,
    expires bigint NOT NULL,
    last_used bigint NOT NULL,
    revoked bigint NOT NULL
);


--
-- Name: bun_migration_locks id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.bun_migration_locks ALTER COLUMN id SET DEFAULT nextval('public.bun_migration_locks_id_seq'::regclass);


--
-- Name: bun_migrations id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.bun_migrations ALTER COLUMN id SET DEFAULT nextval('public.bun_migrations_id_seq'::regclass);


--
-- Name: river_job id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.river_job ALTER COLUMN id SET DEFAULT nextval('public.river_job_id_seq'::regclass);


--
-- Name: river_notification id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.river_notification ALTER COLUMN id SET DEFAULT nextval('public.river_notification_id_seq'::regclass);


--
-- Data for Name: access_requests; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.access_requests VALUES ('a1', 'acme', 'u1', 'TenantDelete', 'Tenant', 'acme', '', 3600000000000, 'approved', '', '', 1777863721123456, 0, 1777867321123456);


--
-- Data for Name: account_groups; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.account_groups VALUES ('g1', 'acme', 'ops', '["operator"]', '["h1"]', 1777863721123456, 1, 0);


--
-- Data for Name: accounts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.accounts VALUES ('u1', 'acme', 'alice', 'Ali''ce "ü" 容器', 'a@x', '["owner"]', '[]', 0, 'https://i', 's', 1777863721123456, 1777863721123456, 1, 0, '', 0, '');


--
-- Data for Name: answers; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.answers VALUES ('key', '\x01', '\x7b7d', 1777863721123456);


--
-- Data for Name: assessments; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.assessments VALUES ('p1', 'acme', 'n', 'node', 1777863721123456, 1777863721123456, 'u1', '{"8.1.a":"met"}', '\x7b2278223a317d');


--
-- Data for Name: bun_migration_locks; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: bun_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.bun_migrations VALUES (1, '0001', 1, '2026-11-26 17:07:26.700349+00');
INSERT INTO public.bun_migrations VALUES (3, '0002', 1, '2026-11-26 17:07:26.703621+00');
INSERT INTO public.bun_migrations VALUES (5, '0003', 1, '2026-11-26 17:07:26.721246+00');
INSERT INTO public.bun_migrations VALUES (7, '0004', 1, '2026-11-26 17:07:26.73633+00');
INSERT INTO public.bun_migrations VALUES (9, '0005', 1, '2026-11-26 17:07:26.738085+00');


--
-- Data for Name: bundles; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.bundles VALUES ('settings', 'acme/edge', 1, 'd', '\x646f63756d656e742064', 'signed settings acme/edge 1', 'u1', 1777863721123456);


--
-- Data for Name: changes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.changes VALUES (1, 1795712846766760, 'created', 'Tenant', 'acme', 'acme');
INSERT INTO public.changes VALUES (2, 1795712846767679, 'created', 'Tenant', 'gone', 'gone');
INSERT INTO public.changes VALUES (3, 1795712846770609, 'deleted', 'Tenant', 'gone', 'gone');
INSERT INTO public.changes VALUES (4, 1795712846771326, 'created', 'Group', 'g1', 'acme');
INSERT INTO public.changes VALUES (5, 1795712846772731, 'created', 'User', 'u1', 'acme');
INSERT INTO public.changes VALUES (6, 1795712846774603, 'created', 'Session', 's1', 'acme');
INSERT INTO public.changes VALUES (7, 1795712846775442, 'created', 'Token', 't1', 'acme');
INSERT INTO public.changes VALUES (8, 1795712846777958, 'created', 'Policy', 'acme', 'acme');
INSERT INTO public.changes VALUES (9, 1795712846778920, 'created', 'PolicyProposal', 'pp1', 'acme');
INSERT INTO public.changes VALUES (10, 1795712846779570, 'created', 'AccessRequest', 'a1', 'acme');
INSERT INTO public.changes VALUES (11, 1795712846782523, 'created', 'Assessment', 'p1', 'acme');
INSERT INTO public.changes VALUES (12, 1795712846783219, 'created', 'Pool', 'acme/edge', 'acme');
INSERT INTO public.changes VALUES (13, 1795712846783929, 'created', 'JoinToken', 'j1', 'acme');
INSERT INTO public.changes VALUES (14, 1795712846785115, 'created', 'Node', 'n1', 'acme');
INSERT INTO public.changes VALUES (15, 1795712846785847, 'updated', 'JoinToken', 'j1', 'acme');
INSERT INTO public.changes VALUES (16, 1795712846787430, 'updated', 'Node', 'n1', 'acme');
INSERT INTO public.changes VALUES (17, 1795712846799617, 'updated', 'Finding', 'n1/x1', 'acme');
INSERT INTO public.changes VALUES (18, 1795712846800492, 'created', 'Event', 'e1', 'acme');
INSERT INTO public.changes VALUES (19, 1795712846801122, 'created', 'Exception', 'q1', 'acme');
INSERT INTO public.changes VALUES (20, 1795712846802087, 'created', 'Bundle', 'settings/acme/edge', 'acme');
INSERT INTO public.changes VALUES (21, 1795712846802761, 'created', 'Rollout', 'o1', 'acme');
INSERT INTO public.changes VALUES (22, 1795712846803384, 'created', 'ExceptionRequest', 'xr1', 'acme');
INSERT INTO public.changes VALUES (23, 1795712846804279, 'created', 'Drill', 'dr1', 'acme');
INSERT INTO public.changes VALUES (24, 1795712846804938, 'created', 'Report', 'rp1', 'acme');


--
-- Data for Name: checkpoints; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.checkpoints VALUES ('one', 'k', 1, '\x07', 'n', 1777863721123456);


--
-- Data for Name: counters; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.counters VALUES ('bundles', 1);
INSERT INTO public.counters VALUES ('changes', 24);


--
-- Data for Name: drill_results; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.drill_results VALUES ('dr1', 'acme', '8.5.c/other-tenant', '8.5.c', 'n1', 'proved', 'attack_succeeded', 'attack_failed', 'as it should', 7, '1.2.3', 1777863721123456, 1777863721123456, 'u1');


--
-- Data for Name: events; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.events VALUES ('e1', 'acme', 'n1', 'name-n1', 1777863721123456, 'status', 'info', '8.1.a', 'met', 'unmet', 'changed', '变了');


--
-- Data for Name: exception_requests; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.exception_requests VALUES ('xr1', 'acme', 'n1', 'container.privileged', 'web*', 'ops', 'it''s old', '2026-12-31', 'u1', 1777863721123456, 'pending', '', '', 0, '');


--
-- Data for Name: exceptions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.exceptions VALUES ('q1', 'acme', '', 'container.privileged', 'web*', 'ops', 'it''s old', '2026-12-31', 'u1', 1777863721123456);


--
-- Data for Name: factors; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.factors VALUES ('f1', 'u1', 'totp', 'phone', '\x0001ff', 1777863721123456, 0, 7);


--
-- Data for Name: facts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.facts VALUES ('n1', 'host', 'of host', '\x7b226b223a22686f7374227d');
INSERT INTO public.facts VALUES ('n1', 'containers/c1', 'of containers/c1', '\x7b226b223a22636f6e7461696e6572732f6331227d');
INSERT INTO public.facts VALUES ('n1', 'networks/w1', 'of networks/w1', '\x7b226b223a226e6574776f726b732f7731227d');


--
-- Data for Name: finding_notes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.finding_notes VALUES ('m1', 'acme', 'n1', 'x1', 1777863721123456, 'u1', 'alice', 'open', 'in_progress', '', 'alice', 'it''s "looked" at 容器');


--
-- Data for Name: findings; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.findings VALUES ('x1', 'acme', 'n1', 'name-n1', 'container.privileged', '8.1.a', 'high', 'web', 'it''s privileged', '特权容器', 1777863721123456, 1777863721123456, 0, 1, 'server', '', 'in_progress', 'u1', 'alice', 1777863721123456, 'it''s "looked" at 容器', 1, 1);


--
-- Data for Name: former_tenants; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.former_tenants VALUES ('gone', 1795712846770305);


--
-- Data for Name: join_tokens; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.join_tokens VALUES ('j1', 'acme', 'rack 4', '\x736563726574206f66206a31', 'edge', '{"a":"b"}', 'high', 'n0', 'u1', 1777863721123456, 1777867321123456, 1777863721123456, 'n1', 0);


--
-- Data for Name: logs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.logs VALUES ('one', 'key', '{"origin":"one","size":1,"root":"Bw==","note":"n","keeper":"k","time":"2026-05-04T03:02:01.123456Z"}', '[]', 1777863721123456);


--
-- Data for Name: memberships; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.memberships VALUES ('u1', 'g1', 'acme');


--
-- Data for Name: node_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.node_keys VALUES ('\x6b6579206f66206e31', 'n1', 1777863721123456);


--
-- Data for Name: nodes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.nodes VALUES ('n1', 'acme', 'name-n1', 'm-n1', 'edge', '{"zone":"a"}', 'high', 0, 0, '\x6b6579206f66206e31', '2', '1', 1778036521123456, 1777863721123456, 0, '', 'silent', 1777863721123456, 'host gone', 1, 1777863722123456, '1.2.3', '["192.0.2.1"]', 'r1', 1, 2, 3, 4, 5, 'd3', 1777863721123456, 1777863721123456, 'd3', 1777863721123456, 'log key', 1, 'd3');


--
-- Data for Name: objects; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.objects VALUES ('n1', 'containers', 'c1', 'acme', 'name-n1', 'c1', '', '', 0, 1777863721123456, 1777863721123456, 1777863721123456, 0, '{}');
INSERT INTO public.objects VALUES ('n1', 'networks', 'w1', 'acme', 'name-n1', 'w1', '', '', 0, 1777863721123456, 1777863721123456, 1777863721123456, 0, '{}');
INSERT INTO public.objects VALUES ('n1', 'images', 'i1', 'acme', 'name-n1', 'i1', '', '', 0, 1777863721123456, 1777863721123456, 1777863721123456, 1777863721123456, '{}');


--
-- Data for Name: passwords; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.passwords VALUES ('u1', '$argon2id$v=19$x', 1777863721123456);


--
-- Data for Name: policies; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.policies VALUES ('acme', 1, '[{"name":"a.cedar","text":"permit(principal, action, resource);\n"}]', 'u1', '', 1777863721123456, 'd', 'sig', '', '');


--
-- Data for Name: policy_proposals; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.policy_proposals VALUES ('pp1', 'acme', 1, '[{"name":"a.cedar","text":"x\n"}]', 'why', 'u1', 'pending', '{}', '', '', 0, 1777863721123456, 0);


--
-- Data for Name: pools; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.pools VALUES ('acme/edge', 'acme', 'edge', 'the edge', '{"collect_every":60000000000,"assess":{"registries":["r.example.org"]}}', '{"steps":[10,100],"soak":3600000000000,"most_findings":5,"most_failures":1,"roll_back":true}', '[{"begins":"0 2 * * *","lasts":3600000000000,"zone":"Europe/Berlin"}]', 1777863721123456, 1);


--
-- Data for Name: positions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.positions VALUES ('one', 1);


--
-- Data for Name: records; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.records VALUES ('one', 0, 'r1', 1777863721123456, 'u', 'alice', 'acme', 'UserRead', 'User', 'x', 'allowed', '{"id":"r1","time":"2026-05-04T03:02:01.123456Z","actor":"u","actor_name":"alice","tenant":"acme","action":"UserRead","resource":{"type":"User","id":"x"},"outcome":"allowed","request":{"principal":{"type":"","id":"","name":"","tenant":"","credential":{"type":"","id":""},"auth":{"mfa":false,"phishing_resistant":false}},"action":"UserRead","resource":{"type":"","id":""},"time":"2026-05-04T03:02:01.123456Z"},"changes":{"a":"b"}}', '\x7b22696e646578223a302c226f726967696e223a226f6e65227d');


--
-- Data for Name: report_parts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.report_parts VALUES ('rp1', 'json', 0, '\x1f8b08000000000000ffaaae05040000ffff43bfa6a302000000');


--
-- Data for Name: reports; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.reports VALUES ('rp1', 'acme', 0, 'of acme', '{"tenant":"acme","labels":{"zone":"a"}}', 1777863721123456, 1777860121123456, 'u1', 'alice', 1777863721123456, 'waiting', 0, 3, '', 0, '{}', 0, '', '', '{}');


--
-- Data for Name: river_job; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: river_leader; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: river_migration; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.river_migration VALUES ('main', 1, '2026-11-26 17:07:26.741576+00');
INSERT INTO public.river_migration VALUES ('main', 2, '2026-11-26 17:07:26.744298+00');
INSERT INTO public.river_migration VALUES ('main', 3, '2026-11-26 17:07:26.751064+00');
INSERT INTO public.river_migration VALUES ('main', 4, '2026-11-26 17:07:26.751794+00');
INSERT INTO public.river_migration VALUES ('main', 5, '2026-11-26 17:07:26.754416+00');
INSERT INTO public.river_migration VALUES ('main', 6, '2026-11-26 17:07:26.760574+00');
INSERT INTO public.river_migration VALUES ('main', 7, '2026-11-26 17:07:26.761731+00');
INSERT INTO public.river_migration VALUES ('main', 8, '2026-11-26 17:07:26.765057+00');


--
-- Data for Name: river_notification; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: river_queue; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: rollouts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.rollouts VALUES ('o1', 'acme', 'acme/edge', 1, 2, 'running', 10, 1, 1777863721123456, 'r', 9, 3, 2, 1, 'u1', 1777863721123456, 0, 1);


--
-- Data for Name: schema_compatibility; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.schema_compatibility VALUES (1, 1);
INSERT INTO public.schema_compatibility VALUES (2, 2);
INSERT INTO public.schema_compatibility VALUES (3, 2);
INSERT INTO public.schema_compatibility VALUES (4, 3);
INSERT INTO public.schema_compatibility VALUES (5, 4);


--
-- Data for Name: secrets; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.secrets VALUES ('ca', '\x0900', 1795712846776736);


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sessions VALUES ('s1', '\x00736563726574ff', 'u1', 'acme', '{"amr":["pwd","otp"],"mfa":true,"phishing_resistant":false,"time":"2026-05-04T03:02:01.123456Z","factor_time":"2026-05-04T03:02:01.123456Z"}', 1777863721123456, 1777863721123456, 1777867321123456, 1777863781123456, '::1', 'x', 'c');


--
-- Data for Name: tenants; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.tenants VALUES ('system', 'System', '{}', 0, 1);
INSERT INTO public.tenants VALUES ('acme', 'Tenant acme', '{}', 1777863721123456, 1);


--
-- Data for Name: throttles; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.throttles VALUES ('sign-in', 1, 1777863721123456);


--
-- Data for Name: tickets; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.tickets VALUES ('device', 'k1', 'u1', '', 'l', '\x64', 1777863721123456, 1777867321123456);


--
-- Data for Name: tokens; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.tokens VALUES ('t1', 'u1', 'acme', 'ci', 'bht_x', '\x68617368206f66206369', '["read"]', '{"mfa":true,"phishing_resistant":false,"time":"2026-05-04T03:02:01.123456Z"}', 1777863721123456, 1777867321123456, 0, 0);


--
-- Name: bun_migration_locks_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.bun_migration_locks_id_seq', 1, false);


--
-- Name: bun_migrations_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.bun_migrations_id_seq', 10, true);


--
-- Name: river_job_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.river_job_id_seq', 1, false);


--
-- Name: river_notification_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.river_notification_id_seq', 1, false);


--
-- Name: access_requests access_requests_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.access_requests
    ADD CONSTRAINT access_requests_pkey PRIMARY KEY (id);


--
-- Name: account_groups account_groups_id_tenant_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.account_groups
    ADD CONSTRAINT account_groups_id_tenant_key UNIQUE (id, tenant);


--
-- Name: account_groups account_groups_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.account_groups
    ADD CONSTRAINT account_groups_pkey PRIMARY KEY (id);


--
-- Name: account_groups account_groups_tenant_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.account_groups
    ADD CONSTRAINT account_groups_tenant_name_key UNIQUE (tenant, name);


--
-- Name: accounts accounts_id_tenant_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_id_tenant_key UNIQUE (id, tenant);


--
-- Name: accounts accounts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);


--
-- Name: accounts accounts_tenant_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_tenant_name_key UNIQUE (tenant, name);


--
-- Name: answers answers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.answers
    ADD CONSTRAINT answers_pkey PRIMARY KEY (id);


--
-- Name: assessments assessments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assessments
    ADD CONSTRAINT assessments_pkey PRIMARY KEY (id);


--
-- Name: bun_migration_locks bun_migration_locks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.bun_migration_locks
    ADD CONSTRAINT bun_migration_locks_pkey PRIMARY KEY (id);


--
-- Name: bun_migration_locks bun_migration_locks_table_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.bun_migration_locks
    ADD CONSTRAINT bun_migration_locks_table_name_key UNIQUE (table_name);


--
-- Name: bun_migrations bun_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.bun_migrations
    ADD CONSTRAINT bun_migrations_pkey PRIMARY KEY (id);


--
-- Name: bundles bundles_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.bundles
    ADD CONSTRAINT bundles_pkey PRIMARY KEY (kind, scope, version);


--
-- Name: changes changes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (seq);


--
-- Name: checkpoints checkpoints_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (origin, keeper, size, root);


--
-- Name: counters counters_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (name);


--
-- Name: drill_results drill_results_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.drill_results
    ADD CONSTRAINT drill_results_pkey PRIMARY KEY (id);


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);


--
-- Name: exception_requests exception_requests_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.exception_requests
    ADD CONSTRAINT exception_requests_pkey PRIMARY KEY (id);


--
-- Name: exceptions exceptions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.exceptions
    ADD CONSTRAINT exceptions_pkey PRIMARY KEY (id);


--
-- Name: factors factors_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.factors
    ADD CONSTRAINT factors_pkey PRIMARY KEY (id);


--
-- Name: facts facts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.facts
    ADD CONSTRAINT facts_pkey PRIMARY KEY (node, name);


--
-- Name: finding_notes finding_notes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.finding_notes
    ADD CONSTRAINT finding_notes_pkey PRIMARY KEY (id);


--
-- Name: findings findings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.findings
    ADD CONSTRAINT findings_pkey PRIMARY KEY (node, id);


--
-- Name: former_tenants former_tenants_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.former_tenants
    ADD CONSTRAINT former_tenants_pkey PRIMARY KEY (id);


--
-- Name: join_tokens join_tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.join_tokens
    ADD CONSTRAINT join_tokens_pkey PRIMARY KEY (id);


--
-- Name: join_tokens join_tokens_secret_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.join_tokens
    ADD CONSTRAINT join_tokens_secret_hash_key UNIQUE (secret_hash);


--
-- Name: logs logs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.logs
    ADD CONSTRAINT logs_pkey PRIMARY KEY (origin);


--
-- Name: memberships memberships_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_pkey PRIMARY KEY (user_id, group_id);


--
-- Name: node_keys node_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.node_keys
    ADD CONSTRAINT node_keys_pkey PRIMARY KEY (hash);


--
-- Name: nodes nodes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nodes
    ADD CONSTRAINT nodes_pkey PRIMARY KEY (id);


--
-- Name: nodes nodes_tenant_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nodes
    ADD CONSTRAINT nodes_tenant_name_key UNIQUE (tenant, name);


--
-- Name: objects objects_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.objects
    ADD CONSTRAINT objects_pkey PRIMARY KEY (node, kind, id);


--
-- Name: passwords passwords_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.passwords
    ADD CONSTRAINT passwords_pkey PRIMARY KEY (user_id);


--
-- Name: policies policies_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.policies
    ADD CONSTRAINT policies_pkey PRIMARY KEY (tenant, version);


--
-- Name: policy_proposals policy_proposals_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.policy_proposals
    ADD CONSTRAINT policy_proposals_pkey PRIMARY KEY (id);


--
-- Name: pools pools_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pools
    ADD CONSTRAINT pools_pkey PRIMARY KEY (id);


--
-- Name: pools pools_tenant_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pools
    ADD CONSTRAINT pools_tenant_name_key UNIQUE (tenant, name);


--
-- Name: positions positions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.positions
    ADD CONSTRAINT positions_pkey PRIMARY KEY (origin);


--
-- Name: records records_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (origin, place);


--
-- Name: report_parts report_parts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.report_parts
    ADD CONSTRAINT report_parts_pkey PRIMARY KEY (report, file, part);


--
-- Name: reports reports_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reports
    ADD CONSTRAINT reports_pkey PRIMARY KEY (id);


--
-- Name: river_job river_job_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.river_job
    ADD CONSTRAINT river_job_pkey PRIMARY KEY (id);


--
-- Name: river_leader river_leader_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.river_leader
    ADD CONSTRAINT river_leader_pkey PRIMARY KEY (name);


--
-- Name: river_migration river_migration_pkey1; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.river_migration
    ADD CONSTRAINT river_migration_pkey1 PRIMARY KEY (line, version);


--
-- Name: river_notification river_notification_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.river_notification
    ADD CONSTRAINT river_notification_pkey PRIMARY KEY (id);


--
-- Name: river_queue river_queue_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.river_queue
    ADD CONSTRAINT river_queue_pkey PRIMARY KEY (name);


--
-- Name: rollouts rollouts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rollouts
    ADD CONSTRAINT rollouts_pkey PRIMARY KEY (id);


--
-- Name: schema_compatibility schema_compatibility_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_compatibility
    ADD CONSTRAINT schema_compatibility_pkey PRIMARY KEY (version);


--
-- Name: secrets secrets_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT secrets_pkey PRIMARY KEY (name);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);


--
-- Name: sessions sessions_secret_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_secret_hash_key UNIQUE (secret_hash);


--
-- Name: tenants tenants_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);


--
-- Name: throttles throttles_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.throttles
    ADD CONSTRAINT throttles_pkey PRIMARY KEY (id);


--
-- Name: tickets tickets_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_pkey PRIMARY KEY (kind, id);


--
-- Name: tokens tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);


--
-- Name: tokens tokens_secret_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_secret_hash_key UNIQUE (secret_hash);


--
-- Name: access_requests_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX access_requests_by_tenant ON public.access_requests USING btree (tenant, id);


--
-- Name: access_requests_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX access_requests_by_user ON public.access_requests USING btree (user_id, action, resource_type, resource, state);


--
-- Name: account_groups_by_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX account_groups_by_name ON public.account_groups USING btree (name, id);


--
-- Name: accounts_by_issuer; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX accounts_by_issuer ON public.accounts USING btree (issuer, subject) WHERE (subject <> ''::text);


--
-- Name: accounts_by_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX accounts_by_name ON public.accounts USING btree (name, id);


--
-- Name: assessments_by_node; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX assessments_by_node ON public.assessments USING btree (tenant, node, published, id);


--
-- Name: assessments_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX assessments_by_time ON public.assessments USING btree (published, id);


--
-- Name: bun_migrations_name_unique; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX bun_migrations_name_unique ON public.bun_migrations USING btree (name);


--
-- Name: changes_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX changes_by_tenant ON public.changes USING btree (tenant, seq);


--
-- Name: changes_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX changes_by_time ON public.changes USING btree ("time");


--
-- Name: checkpoints_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX checkpoints_by_time ON public.checkpoints USING btree (origin, "time");


--
-- Name: drill_results_by_drill; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX drill_results_by_drill ON public.drill_results USING btree (tenant, drill, node, ran, id);


--
-- Name: drill_results_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX drill_results_by_time ON public.drill_results USING btree (ran, id);


--
-- Name: events_by_node; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_by_node ON public.events USING btree (node, "time", id);


--
-- Name: events_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_by_tenant ON public.events USING btree (tenant, "time", id);


--
-- Name: events_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_by_time ON public.events USING btree ("time", id);


--
-- Name: exception_requests_by_exception; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX exception_requests_by_exception ON public.exception_requests USING btree (exception);


--
-- Name: exception_requests_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX exception_requests_by_tenant ON public.exception_requests USING btree (tenant, state, id);


--
-- Name: exceptions_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX exceptions_by_tenant ON public.exceptions USING btree (tenant, expires, id);


--
-- Name: factors_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX factors_by_user ON public.factors USING btree (user_id, id);


--
-- Name: finding_notes_by_finding; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX finding_notes_by_finding ON public.finding_notes USING btree (node, finding, "time", id);


--
-- Name: findings_by_owner; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX findings_by_owner ON public.findings USING btree (owner, last_seen, node, id) WHERE (owner <> ''::text);


--
-- Name: findings_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX findings_by_tenant ON public.findings USING btree (tenant, last_seen, node, id);


--
-- Name: findings_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX findings_by_time ON public.findings USING btree (last_seen, node, id);


--
-- Name: findings_triaged; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX findings_triaged ON public.findings USING btree (node, id) WHERE (state <> 'open'::text);


--
-- Name: join_tokens_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX join_tokens_by_time ON public.join_tokens USING btree (tenant, created, id);


--
-- Name: memberships_by_group; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX memberships_by_group ON public.memberships USING btree (group_id);


--
-- Name: nodes_by_health; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX nodes_by_health ON public.nodes USING btree (health, last_seen);


--
-- Name: nodes_by_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX nodes_by_name ON public.nodes USING btree (name, id);


--
-- Name: nodes_by_pool; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX nodes_by_pool ON public.nodes USING btree (tenant, pool, name);


--
-- Name: objects_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX objects_by_tenant ON public.objects USING btree (tenant, kind, node, id);


--
-- Name: objects_gone; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX objects_gone ON public.objects USING btree (node, kind, gone) WHERE (gone > 0);


--
-- Name: policy_proposals_by_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX policy_proposals_by_state ON public.policy_proposals USING btree (state, tenant);


--
-- Name: policy_proposals_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX policy_proposals_by_tenant ON public.policy_proposals USING btree (tenant, id);


--
-- Name: pools_by_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX pools_by_name ON public.pools USING btree (name, id);


--
-- Name: records_by_actor; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX records_by_actor ON public.records USING btree (actor, "time");


--
-- Name: records_by_resource; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX records_by_resource ON public.records USING btree (resource, "time");


--
-- Name: records_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX records_by_tenant ON public.records USING btree (tenant, "time", origin, place);


--
-- Name: records_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX records_by_time ON public.records USING btree ("time", origin, place);


--
-- Name: records_refusals; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX records_refusals ON public.records USING btree ("time", origin, place, tenant) WHERE ((outcome = 'refused'::text) OR (strpos(record, '"would_refuse":'::text) > 0));


--
-- Name: records_refusals_of; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX records_refusals_of ON public.records USING btree (tenant, "time", origin, place) WHERE ((outcome = 'refused'::text) OR (strpos(record, '"would_refuse":'::text) > 0));


--
-- Name: reports_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX reports_by_tenant ON public.reports USING btree (tenant, id);


--
-- Name: reports_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX reports_by_time ON public.reports USING btree (created, id);


--
-- Name: river_job_args_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX river_job_args_index ON public.river_job USING gin (args);


--
-- Name: river_job_kind; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX river_job_kind ON public.river_job USING btree (kind);


--
-- Name: river_job_metadata_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX river_job_metadata_index ON public.river_job USING gin (metadata);


--
-- Name: river_job_prioritized_fetching_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX river_job_prioritized_fetching_index ON public.river_job USING btree (state, queue, priority, scheduled_at, id);


--
-- Name: river_job_state_and_finalized_at_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX river_job_state_and_finalized_at_index ON public.river_job USING btree (state, finalized_at) WHERE (finalized_at IS NOT NULL);


--
-- Name: river_job_unique_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX river_job_unique_idx ON public.river_job USING btree (unique_key) WHERE ((unique_key IS NOT NULL) AND (unique_states IS NOT NULL) AND public.river_job_state_in_bitmask(unique_states, state));


--
-- Name: river_notification_created_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX river_notification_created_at_idx ON public.river_notification USING btree (created_at);


--
-- Name: river_notification_topic_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX river_notification_topic_id_idx ON public.river_notification USING btree (topic, id);


--
-- Name: rollouts_by_pool; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX rollouts_by_pool ON public.rollouts USING btree (pool, created, id);


--
-- Name: rollouts_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX rollouts_by_tenant ON public.rollouts USING btree (tenant, created, id);


--
-- Name: sessions_by_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_by_end ON public.sessions USING btree (expires);


--
-- Name: sessions_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_by_user ON public.sessions USING btree (user_id, id);


--
-- Name: tickets_by_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tickets_by_end ON public.tickets USING btree (expires);


--
-- Name: tickets_by_lookup; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX tickets_by_lookup ON public.tickets USING btree (kind, lookup) WHERE (lookup <> ''::text);


--
-- Name: tickets_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tickets_by_user ON public.tickets USING btree (user_id);


--
-- Name: tokens_by_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tokens_by_name ON public.tokens USING btree (tenant, name, id);


--
-- Name: tokens_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tokens_by_user ON public.tokens USING btree (user_id);


--
-- Name: access_requests access_requests_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.access_requests
    ADD CONSTRAINT access_requests_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: access_requests access_requests_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.access_requests
    ADD CONSTRAINT access_requests_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.accounts(id) ON DELETE CASCADE;


--
-- Name: account_groups account_groups_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.account_groups
    ADD CONSTRAINT account_groups_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: accounts accounts_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id);


--
-- Name: assessments assessments_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assessments
    ADD CONSTRAINT assessments_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: drill_results drill_results_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.drill_results
    ADD CONSTRAINT drill_results_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: events events_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: exception_requests exception_requests_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.exception_requests
    ADD CONSTRAINT exception_requests_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: exceptions exceptions_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.exceptions
    ADD CONSTRAINT exceptions_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: factors factors_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.factors
    ADD CONSTRAINT factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.accounts(id) ON DELETE CASCADE;


--
-- Name: facts facts_node_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.facts
    ADD CONSTRAINT facts_node_fkey FOREIGN KEY (node) REFERENCES public.nodes(id) ON DELETE CASCADE;


--
-- Name: finding_notes finding_notes_node_finding_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.finding_notes
    ADD CONSTRAINT finding_notes_node_finding_fkey FOREIGN KEY (node, finding) REFERENCES public.findings(node, id) ON DELETE CASCADE;


--
-- Name: findings findings_node_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.findings
    ADD CONSTRAINT findings_node_fkey FOREIGN KEY (node) REFERENCES public.nodes(id) ON DELETE CASCADE;


--
-- Name: findings findings_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.findings
    ADD CONSTRAINT findings_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: join_tokens join_tokens_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.join_tokens
    ADD CONSTRAINT join_tokens_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: memberships memberships_group_id_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_group_id_tenant_fkey FOREIGN KEY (group_id, tenant) REFERENCES public.account_groups(id, tenant) ON DELETE CASCADE;


--
-- Name: memberships memberships_user_id_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_user_id_tenant_fkey FOREIGN KEY (user_id, tenant) REFERENCES public.accounts(id, tenant) ON DELETE CASCADE;


--
-- Name: nodes nodes_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nodes
    ADD CONSTRAINT nodes_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id);


--
-- Name: objects objects_node_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.objects
    ADD CONSTRAINT objects_node_fkey FOREIGN KEY (node) REFERENCES public.nodes(id) ON DELETE CASCADE;


--
-- Name: passwords passwords_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.passwords
    ADD CONSTRAINT passwords_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.accounts(id) ON DELETE CASCADE;


--
-- Name: policies policies_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.policies
    ADD CONSTRAINT policies_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: policy_proposals policy_proposals_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.policy_proposals
    ADD CONSTRAINT policy_proposals_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: pools pools_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pools
    ADD CONSTRAINT pools_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: report_parts report_parts_report_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.report_parts
    ADD CONSTRAINT report_parts_report_fkey FOREIGN KEY (report) REFERENCES public.reports(id) ON DELETE CASCADE;


--
-- Name: reports reports_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reports
    ADD CONSTRAINT reports_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: rollouts rollouts_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rollouts
    ADD CONSTRAINT rollouts_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenants(id) ON DELETE CASCADE;


--
-- Name: sessions sessions_user_id_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_tenant_fkey FOREIGN KEY (user_id, tenant) REFERENCES public.accounts(id, tenant) ON DELETE CASCADE;


--
-- Name: tokens tokens_user_id_tenant_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_user_id_tenant_fkey FOREIGN KEY (user_id, tenant) REFERENCES public.accounts(id, tenant) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--


