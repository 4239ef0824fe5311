//! Unusual ids, contents and metadata.

use super::harness::*;
use session_service::domain::{Batch, Content, HistoryRange, Metadata, NewMessage, Owner, Role};

pub async fn unusual_ids_do_not_collide(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let longest = "é".repeat(64);
    let odd = [
        "}x",
        "a{b}c",
        "a:b",
        "%2F",
        "%252F",
        "/",
        "🤖",
        "*",
        "?",
        "[a]",
        "\\",
        "\"",
        "'",
        "{",
        "}",
        "{}",
        "%",
        ":",
        "a b",
        "..",
        "null",
        "0",
        "-1",
        "session:{a}",
        "$(x)",
        "a\u{301}",
        "á",
        &longest,
    ];
    for (number, name) in odd.iter().enumerate() {
        assert!(store.try_create_session(new(name)).await.unwrap().created, "{name}");
        store.append_texts(name, &[name, &number.to_string()]).await.unwrap();
    }
    for (number, name) in odd.iter().enumerate() {
        let history = store.read_history(name, page(HistoryRange::Latest, 10)).await.unwrap();
        let contents: Vec<_> = history.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(contents, [*name, &number.to_string()], "{name}");
    }
    let listed = store.list_first_page(100).await;
    let mut names = user_ids(&listed.sessions);
    let mut expected = odd.to_vec();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for name in odd {
        store.delete_session(name).await.unwrap();
    }
    assert_eq!(store.list_first_page(100).await.total_count, 0);
}

pub async fn unusual_contents_and_metadata_are_returned_unchanged(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    for (content, metadata) in [
        ("\0", r#"{"":null}"#),
        ("{\"role\":\"system\"}", r#"{"a":{},"b":[[]],"c":[{}],"d":-0.5,"e":1e-7}"#),
        ("\u{feff}\u{202e}\u{10ffff}", r#"{"timestamp":1,"role":"x","\u0000":"\u2028"}"#),
        ("\",\"timestamp\":0}", "{}"),
    ] {
        let message = NewMessage {
            role: Role::User,
            content: Content::try_from(content).unwrap(),
            metadata: Metadata::try_from(metadata.to_owned()).unwrap(),
        };
        let batch = Batch::try_from(vec![message]).unwrap();
        let said = store.append(&Owner::open(), &id("a"), &batch, None).await.unwrap().messages;
        let read = store.read_history("a", page(HistoryRange::Latest, 1)).await.unwrap().messages;
        assert_eq!(read, said);
        assert_eq!(read[0].metadata.as_json(), metadata);
        assert_eq!(read[0].content.as_str(), content);
    }
}
