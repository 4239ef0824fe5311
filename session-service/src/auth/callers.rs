//! Callers, and the lines of the files that list them.

use std::sync::Arc;

/// Fourth word of a line whose caller may act for the empty owner.
const EMPTY_OWNER: &str = "empty-owner";

/// A program that may call the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name in logs and rate limits. Several credentials of a caller may have the same one.
    pub name: Arc<str>,
    /// Role of the caller.
    pub role: Role,
    /// `true` if a caller with the role `service` may act for the empty owner.
    pub has_empty_owner: bool,
}

/// Role of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May act for every owner that has a name.
    Service,
    /// May act for every owner, also the empty one.
    Admin,
}

impl Caller {
    /// Returns `true` if the caller may omit the owner.
    pub(super) fn may_omit_owner(&self) -> bool {
        self.role == Role::Admin || self.has_empty_owner
    }
}

/// Parses a file of callers: `NAME ROLE CREDENTIAL [empty-owner]` per line. `credential` parses a credential and returns
/// the rule that an invalid one violates. An error names the line, and contains nothing of it.
pub(super) fn parse<C: PartialEq>(
    text: &str,
    credential: impl Fn(&str) -> Result<C, &'static str>,
) -> Result<Vec<(C, Arc<Caller>)>, String> {
    let mut callers: Vec<(C, Arc<Caller>)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<_> = line.split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        let entry = parse_line(&words, &credential).map_err(|rule| format!("line {number}: {rule}"))?;
        if callers.iter().any(|(credential, _)| *credential == entry.0) {
            return Err(format!("line {number}: the credential is that of a line before"));
        }
        callers.push(entry);
    }
    if callers.is_empty() {
        return Err("it lists no caller, so every call would be rejected".into());
    }
    Ok(callers)
}

fn parse_line<C>(
    words: &[&str],
    credential: impl Fn(&str) -> Result<C, &'static str>,
) -> Result<(C, Arc<Caller>), &'static str> {
    let (name, role, secret, has_empty_owner) = match *words {
        [name, role, secret] => (name, role, secret, false),
        [name, role, secret, EMPTY_OWNER] => (name, role, secret, true),
        _ => return Err("it must be of the form NAME ROLE CREDENTIAL [empty-owner]"),
    };
    let role = match role {
        "service" => Role::Service,
        "admin" => Role::Admin,
        _ => return Err("the role must be service or admin"),
    };
    Ok((credential(secret)?, Arc::new(Caller { name: name.into(), role, has_empty_owner })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<(String, Arc<Caller>)>, String> {
        parse(text, |text| if text == "bad" { Err("it is bad") } else { Ok(text.to_owned()) })
    }

    #[test]
    fn a_line_has_name_role_and_credential() {
        let callers =
            parsed("# all\ngateway service k1  # old\ngateway\tservice k2 empty-owner\n\nops admin k3\n");
        let callers = callers.unwrap();
        let found: Vec<_> = callers
            .iter()
            .map(|(key, caller)| (key.as_str(), &*caller.name, caller.role, caller.may_omit_owner()))
            .collect();
        assert_eq!(
            found,
            [
                ("k1", "gateway", Role::Service, false),
                ("k2", "gateway", Role::Service, true),
                ("k3", "ops", Role::Admin, true)
            ]
        );
    }

    #[test]
    fn an_invalid_file_is_refused_with_its_line_and_without_its_content() {
        for (text, error) in [
            ("", "it lists no caller, so every call would be rejected"),
            ("# a service k\n", "it lists no caller, so every call would be rejected"),
            ("a service", "line 1: it must be of the form NAME ROLE CREDENTIAL [empty-owner]"),
            ("\na service k empty", "line 2: it must be of the form NAME ROLE CREDENTIAL [empty-owner]"),
            (
                "a service k empty-owner x",
                "line 1: it must be of the form NAME ROLE CREDENTIAL [empty-owner]",
            ),
            ("a root k", "line 1: the role must be service or admin"),
            ("a Service k", "line 1: the role must be service or admin"),
            ("a service bad", "line 1: it is bad"),
            ("a service k\nb admin k", "line 2: the credential is that of a line before"),
        ] {
            assert_eq!(parsed(text), Err(error.to_owned()), "{text:?}");
        }
    }
}
