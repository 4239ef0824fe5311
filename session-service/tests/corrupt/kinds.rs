//! Kinds of foreign data: the commands that write them, and the calls that fail because of them.

/// Key of the session that becomes corrupt.
pub const RECORD: &str = "session:{bad}";
pub const HISTORY: &str = "chat_history:{bad}";
pub const INDEX: &str = "session_index:{:}";
pub const MOVES: &str = "session_moves:{:}";
pub const LISTING: &str = "session_listing:{:}";
/// Text of its running turn.
pub const TURN_TEXT: &str = "chat_turn:{bad}";
pub const QUEUE: &str = "session_move_queue:{:}";

/// Calls of the session that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// Calls that read or write the record.
    All,
    /// Calls that read or write messages.
    Messages,
    /// Calls that read messages.
    History,
    /// Calls that write messages.
    Appends,
    /// None: the next write replaces the data, or it belongs to no session.
    None,
}

pub struct Kind {
    pub name: String,
    /// The key, which determines the node.
    pub key: &'static str,
    /// Commands on `KEYS[1]` in Lua.
    pub lua: String,
    pub fails: Fails,
    /// Part of the doctor's finding; `None` for data that the next write replaces.
    pub finding: Option<String>,
}

fn kind(name: &str, key: &'static str, lua: &str, fails: Fails, finding: &str) -> Kind {
    let finding = Some(format!("{key}: {finding}"));
    Kind { name: name.into(), key, lua: lua.into(), fails, finding }
}

/// Returns kinds that replace a key by a value of another type.
fn wrong_type(key: &'static str, fails: Fails, finding: &str) -> Vec<Kind> {
    let commands = [
        ("string", "redis.call('SET', KEYS[1], 'foreign')"),
        ("list", "redis.call('RPUSH', KEYS[1], 'foreign')"),
        ("set", "redis.call('SADD', KEYS[1], 'foreign')"),
        ("hash", "redis.call('HSET', KEYS[1], 'foreign', '1')"),
        ("zset", "redis.call('ZADD', KEYS[1], 1, 'foreign')"),
    ];
    let ours = match key {
        RECORD | LISTING => "hash",
        HISTORY | QUEUE => "list",
        TURN_TEXT => "string",
        _ => "zset",
    };
    let commands = commands.iter().filter(|(kind, _)| *kind != ours);
    commands
        .map(|(other, command)| {
            let lua = format!("redis.call('DEL', KEYS[1]); {command}");
            kind(&format!("{key} is a {other}"), key, &lua, fails, finding)
        })
        .collect()
}

/// Returns a kind that sets a field of the record to a Lua string literal.
fn field(field: &str, value: &str, finding: &str) -> Kind {
    let lua = format!("redis.call('HSET', KEYS[1], '{field}', '{value}')");
    let shown: String = value.chars().take(40).collect();
    kind(&format!("{field} is {shown:?}"), RECORD, &lua, Fails::All, finding)
}

fn record_kinds() -> Vec<Kind> {
    let mut kinds = wrong_type(RECORD, Fails::All, "it is not a hash");
    for name in ["persona", "created_at", "last_activity", "message_count", "metadata"] {
        let lua = format!("redis.call('HDEL', KEYS[1], '{name}')");
        kinds.push(kind(
            &format!("no {name}"),
            RECORD,
            &lua,
            Fails::All,
            &format!("the record lacks {name}"),
        ));
    }
    for name in ["created_at", "last_activity", "ttl", "message_count"] {
        for value in
            ["abc", "", "-5", "+5", " 5", "1.5", "1e3", "inf", "nan", "9999999999999999999999", "\\255"]
        {
            kinds.push(field(name, value, &format!("{name} is not a whole number")));
        }
    }
    for name in ["created_at", "last_activity", "ttl"] {
        kinds.push(field(name, "999999999999999", "a time of the record is after the year 9999"));
    }
    kinds.push(field("message_count", "99999999999", "message_count is too large"));
    kinds.push(field("persona", "\\255\\254", "persona is not UTF-8"));
    kinds.push(field("metadata", "{\"a\":\"\\255\"}", "metadata is not UTF-8"));
    let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let lists = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    for (value, finding) in [
        ("", "metadata is not a JSON object"),
        ("null", "metadata is not a JSON object"),
        ("42", "metadata is not a JSON object"),
        ("[]", "metadata is not a JSON object"),
        ("\"text\"", "metadata is not a JSON object"),
        ("{", "metadata is not a JSON object"),
        ("{}}", "metadata is not a JSON object"),
        ("{\"a\":1e999}", "metadata is not a JSON object"),
        ("{\"a\":\"\\\\ud800\"}", "metadata is not a JSON object"),
        (&nested(17), "metadata has over 16 levels"),
        (&nested(1000), "metadata has over 16 levels"),
        (&lists, "metadata has over 16 levels"),
        (&format!("{{\"a\":\"{}\"}}", "x".repeat(700 * 1024)), "metadata has over 16384 bytes"),
    ] {
        kinds.push(field("metadata", value, finding));
    }
    kinds
}

fn message_kinds() -> Vec<Kind> {
    let mut kinds = wrong_type(HISTORY, Fails::Messages, "it is not a list");
    let deep = format!("{}1{}", "{\"a\":".repeat(17), "}".repeat(17));
    for (message, finding) in [
        ("not json", "message 1 is corrupt: "),
        ("{}", "message 1 is corrupt: "),
        (
            "{\"role\":\"robot\",\"content\":\"x\",\"metadata\":{},\"timestamp\":1}",
            "message 1 is corrupt: its role is unknown",
        ),
        (
            "{\"role\":\"user\",\"content\":\"x\",\"metadata\":{},\"timestamp\":\"1\"}",
            "message 1 is corrupt: ",
        ),
        (
            "{\"role\":\"user\",\"content\":\"x\",\"metadata\":[],\"timestamp\":1}",
            "message 1 is corrupt: metadata is not a JSON object",
        ),
        (
            &format!("{{\"role\":\"user\",\"content\":\"x\",\"metadata\":{deep},\"timestamp\":1}}"),
            "message 1 is corrupt: metadata has over 16 levels",
        ),
        ("\\255\\254", "a message is not UTF-8"),
    ] {
        let lua = format!("redis.call('LSET', KEYS[1], 0, '{message}')");
        let name: String = message.chars().take(60).collect();
        kinds.push(kind(&format!("message {name}"), HISTORY, &lua, Fails::History, finding));
    }
    for (name, value) in
        [("broken off", "x"), ("not text", &"\\255".repeat(34)), ("without digits", &"z".repeat(34))]
    {
        let lua = format!("redis.call('HSET', KEYS[1], 'recent_requests', '{value}')");
        let finding = "recent_requests has corrupt entries";
        kinds.push(kind(&format!("recent_requests {name}"), RECORD, &lua, Fails::Appends, finding));
    }
    let lua = "redis.call('HSET', KEYS[1], 'message_count', '1')";
    kinds.push(kind(
        "fewer counted",
        RECORD,
        lua,
        Fails::Appends,
        "message_count is 1, and there are 2 messages",
    ));
    let lua = "redis.call('HSET', KEYS[1], 'message_count', '7')";
    kinds.push(kind(
        "more counted",
        RECORD,
        lua,
        Fails::Messages,
        "message_count is 7, and there are 2 messages",
    ));
    for name in ["turn_until", "given"] {
        for value in ["abc", "inf", "nan", "-1", "999999999999999"] {
            let lua = format!("redis.call('HSET', KEYS[1], '{name}', '{value}')");
            let (name, fails) = (format!("{name} is {value}"), Fails::None);
            kinds.push(Kind { name, key: RECORD, lua, fails, finding: None });
        }
    }
    kinds
}

fn list_kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for key in [MOVES, LISTING, QUEUE] {
        kinds.extend(wrong_type(key, Fails::None, "it is a "));
    }
    for member in ["", " x", "a\\nb", "\\255\\254", "\\195", "\\226\\130", &"x".repeat(129), "\\194\\160x"] {
        let lua = format!("redis.call('ZADD', KEYS[1], ARGV[1] + 3500000, '{member}')");
        kinds.push(kind(&format!("member {member:?}"), INDEX, &lua, Fails::None, "its member \""));
    }
    for score in ["+inf", "1e300", "253402300800000"] {
        let lua = format!("redis.call('ZADD', KEYS[1], '{score}', 'bad')");
        kinds.push(kind(
            &format!("score {score}"),
            INDEX,
            &lua,
            Fails::None,
            "the score of bad is not an expiry",
        ));
    }
    for score in ["ARGV[1] + 3500000.25", "ARGV[1] + 86400000 * 365 * 100"] {
        let lua = format!("redis.call('ZADD', KEYS[1], {score}, 'bad')");
        let (name, fails) = (format!("score {score}"), Fails::None);
        kinds.push(Kind { name, key: INDEX, lua, fails, finding: None });
    }
    for (since, last) in [
        ("'abc'", "'abc'"),
        ("''", "''"),
        ("'-1'", "'-1'"),
        ("'inf'", "'inf'"),
        ("'nan'", "'nan'"),
        ("ARGV[1]", "ARGV[1] + 86400000 * 365"),
        ("ARGV[1] + 1000", "ARGV[1]"),
        ("ARGV[1]", "'1e300'"),
        ("ARGV[1]", "'\\255'"),
    ] {
        let lua = format!("redis.call('HSET', KEYS[1], 'since', {since}, 'last', {last})");
        let name = format!("since {since} last {last}");
        kinds.push(kind(&name, LISTING, &lua, Fails::None, "its times are not those of listings"));
    }
    for (key, command) in [(MOVES, "'ZADD', KEYS[1], ARGV[1] + 3500000,"), (QUEUE, "'LPUSH', KEYS[1],")] {
        for entry in ["'garbage'", "'x\\ny'", "'\\255\\n1'", "'x\\n999999999999999'", "''"] {
            let lua = format!("redis.call({command} {entry})");
            let name = format!("{key} has {entry}");
            kinds.push(kind(&name, key, &lua, Fails::None, "it contains entries that are not moves"));
        }
    }
    kinds
}

/// Returns text without a turn, and values of another type. Its end removes them, and the next turn replaces them.
fn turn_kinds() -> Vec<Kind> {
    let mut kinds = wrong_type(TURN_TEXT, Fails::None, "");
    kinds.push(kind(
        "text without a turn",
        TURN_TEXT,
        "redis.call('SET', KEYS[1], 'foreign')",
        Fails::None,
        "",
    ));
    let finding = format!("{RECORD}: there is the text of a turn, and no turn is running");
    for kind in &mut kinds {
        kind.finding = Some(finding.clone());
    }
    for (name, value) in
        [("turn_ended", "foreign"), ("revision", "-x"), ("turn_seq", "x"), ("turn_cancelled", "x")]
    {
        let lua = format!("redis.call('HSET', KEYS[1], '{name}', '{value}')");
        let (name, fails) = (format!("{name} is {value}"), Fails::None);
        kinds.push(Kind { name, key: RECORD, lua, fails, finding: None });
    }
    kinds
}

pub fn all() -> Vec<Kind> {
    record_kinds().into_iter().chain(turn_kinds()).chain(message_kinds()).chain(list_kinds()).collect()
}
