//! Looks for secrets where they must not be, in whatever way they may be written.

use std::{collections::BTreeMap, path::Path};

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use rusqlite::{Connection, OpenFlags, types::ValueRef};

/// Secrets by what they are, with every way in which each may be written.
#[derive(Debug, Default)]
pub struct Secrets(BTreeMap<String, Vec<Form>>);

/// One way in which a secret is written; bytes are characters here, since texts are searched quickly.
#[derive(Debug)]
struct Form {
    name: &'static str,
    text: String,
}

impl Secrets {
    /// Adds a secret.
    ///
    /// # Panics
    /// When it is too short to be found by itself, or is there already.
    pub fn add(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= 12, "{name}: it would be found by chance");
        let mut forms = written(secret.as_bytes());
        // The key of a signing secret, which is base64 by itself.
        if let Some(key) = secret.strip_prefix("whsec_") {
            forms.extend(written(key.as_bytes()));
            forms.extend(written(&BASE64.decode(key.as_bytes()).expect("base64")));
        }
        let before = self.0.insert(name.to_owned(), forms);
        assert!(before.is_none(), "{name} is there already");
    }

    /// Which secrets are in there, and how they are written.
    #[must_use]
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        self.found_beyond(bytes, &[])
    }

    /// Which secrets are in there, but for those that are there as they are and exactly so often.
    #[must_use]
    pub fn found_beyond(&self, bytes: &[u8], shown: &[(&str, usize)]) -> Vec<String> {
        let mut text = characters(bytes);
        let mut found = Vec::new();
        for (name, count) in shown {
            let clear = &self.0[*name][0].text;
            let there = text.matches(clear).count();
            if there != *count {
                found.push(format!("{name} is there {there} times, not {count}"));
            }
            text = text.replace(clear, "");
        }
        for (name, forms) in &self.0 {
            let there = forms.iter().filter(|form| text.contains(&form.text));
            found.extend(there.map(|form| format!("{name} ({})", form.name)));
        }
        found
    }
}

/// The ways in which bytes are written, as they are first.
fn written(secret: &[u8]) -> Vec<Form> {
    let mut forms = vec![
        Form { name: "clear", text: characters(secret) },
        Form { name: "hex", text: HEXLOWER.encode(secret) },
        Form { name: "upper hex", text: HEXUPPER.encode(secret) },
    ];
    // Within longer base64 it begins at one of three places; what its neighbours have a part in is cut off.
    for skipped in 0..3 {
        let padded = [&b"___"[..skipped], secret].concat();
        let whole = (skipped * 8).div_ceil(6)..padded.len() * 8 / 6;
        for (name, encoding) in [("base64", &BASE64), ("URL-safe base64", &BASE64URL)] {
            forms.push(Form { name, text: encoding.encode(&padded)[whole.clone()].to_owned() });
        }
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    for (name, space) in [("URL encoding", "%20"), ("form encoding", "+")] {
        let encoded = |byte: &u8| match byte {
            b' ' => space.to_owned(),
            byte if plain(byte) => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        forms.push(Form { name, text: secret.iter().map(encoded).collect() });
    }
    forms
}

fn characters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Every value of every row of a database: in its file, long ones lie in pieces.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn rows(database: &Path) -> Vec<u8> {
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
    let tables: Vec<String> = {
        let mut names = database.prepare("select name from sqlite_schema where type = 'table'").expect("a schema");
        let names = names.query_map([], |row| row.get(0)).expect("names");
        names.collect::<Result<_, _>>().expect("names")
    };
    let mut bytes = Vec::new();
    for table in tables {
        let mut all = database.prepare(&format!("select * from \"{table}\"")).expect("a table");
        let columns = all.column_count();
        let mut rows = all.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            for column in 0..columns {
                if let ValueRef::Text(value) | ValueRef::Blob(value) = row.get_ref(column).expect("a value") {
                    bytes.extend_from_slice(value);
                    bytes.push(b'\n');
                }
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "hush, hush & hush again";

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add("a password", SECRET);
        secrets
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let basic = |user: &str| BASE64.encode(format!("{user}:{SECRET}:").as_bytes());
        for hidden in [
            format!("say {SECRET}!"),
            HEXLOWER.encode(SECRET.as_bytes()),
            HEXUPPER.encode(SECRET.as_bytes()),
            basic("a"),
            basic("ab"),
            basic("abc"),
            BASE64URL.encode(SECRET.as_bytes()),
            "x=hush%2C%20hush%20%26%20hush%20again".to_owned(),
            "x=hush%2C+hush+%26+hush+again&y=1".to_owned(),
        ] {
            assert!(!secrets().found_in(hidden.as_bytes()).is_empty(), "{hidden}");
        }
        for other in ["hush, hush", "", "hush, hush & hush agaim", &BASE64.encode(b"hush, hush and hush again")] {
            assert_eq!(secrets().found_in(other.as_bytes()), [""; 0], "{other}");
        }
    }

    #[test]
    fn a_signing_secret_is_found_without_its_prefix_and_as_its_key() {
        let key = [7, 200, 31, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
        let mut secrets = Secrets::default();
        secrets.add("a key", &format!("whsec_{}", BASE64.encode(&key)));
        for hidden in [BASE64.encode(&key).into_bytes(), key.to_vec(), HEXLOWER.encode(&key).into_bytes()] {
            assert!(!secrets.found_in(&hidden).is_empty(), "{hidden:?}");
        }
    }

    #[test]
    fn what_is_shown_once_is_shown_once() {
        let once = format!("{{\"password\":\"{SECRET}\"}}");
        assert_eq!(secrets().found_beyond(once.as_bytes(), &[("a password", 1)]), [""; 0]);
        let twice = once.repeat(2);
        assert_eq!(secrets().found_beyond(twice.as_bytes(), &[("a password", 1)]).len(), 1);
        let also = once + &HEXLOWER.encode(SECRET.as_bytes());
        assert_eq!(secrets().found_beyond(also.as_bytes(), &[("a password", 1)]), ["a password (hex)"]);
        assert_eq!(secrets().found_beyond(b"", &[("a password", 1)]).len(), 1);
    }
}
