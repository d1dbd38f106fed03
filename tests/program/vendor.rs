//! The demo's authorization server, a configuration that leads to it, and calls of the program against it.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::Command;

use holdfast::unversioned::demo::{Authorization, Person, Vendor};

use super::harness::{Folder, PATIENCE, Program, command};

pub struct Vendors {
    pub server: Authorization,
    pub folder: Folder,
}

impl Vendors {
    pub fn start() -> Self {
        let server = Authorization::start().unwrap();
        let folder = Folder::new();
        let mut config = String::from("auth-dir: auth\noauth-clients:\n");
        for (channel, vendor) in [
            ("claude", Vendor::Claude),
            ("codex", Vendor::Codex),
            ("gemini-cli", Vendor::Google),
            ("antigravity", Vendor::Google),
            ("kimi", Vendor::Kimi),
            ("iflow", Vendor::Iflow),
        ] {
            let (id, secret) = vendor.client();
            let secret = secret.map_or(String::new(), |text| format!(", client-secret: {text}"));
            let uri = server.token_uri(vendor);
            config += &format!("  {channel}: {{client-id: {id}{secret}, token-uri: '{uri}'}}\n");
        }
        folder.write("config.yaml", &config);
        Self { server, folder }
    }

    pub fn auth(&self) -> PathBuf {
        self.folder.path().join("auth")
    }

    pub fn sign_in(&self, vendor: Vendor, person: Person) {
        self.server.sign_in(vendor, person);
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.current_dir(self.folder.path());
        command
    }

    pub fn login(&self, arguments: &[&str]) -> Login {
        let arguments = [&["login"], arguments].concat();
        self.of(Program::spawn(&mut self.command(&arguments)))
    }

    pub fn of(&self, program: Program) -> Login {
        Login(program)
    }

    /// Opens the page as a browser would, and returns where it is sent back to.
    pub fn open(&self, page: &str) -> String {
        let (status, answer) = get(page).unwrap();
        assert_eq!(status, 302, "{answer}");
        let mut lines = answer.lines();
        let location = lines.find_map(|line| line.strip_prefix("Location: "));
        location.unwrap().to_owned()
    }

    /// The path of the file whose name begins so.
    pub fn written(&self, name: &str) -> PathBuf {
        let entries = fs::read_dir(self.auth()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let found = names.iter().find(|found| found.starts_with(name));
        let found = found.unwrap_or_else(|| panic!("no {name} among {names:?}"));
        self.auth().join(found)
    }

    /// Nothing that was issued has been printed.
    pub fn assert_silent(&self, printed: &str) {
        let secrets = self.server.secrets();
        for secret in secrets {
            assert!(!printed.contains(&secret), "{secret} in\n{printed}");
        }
    }
}

/// A login that is under way.
pub struct Login(Program);

impl Deref for Login {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.0
    }
}

impl Login {
    /// The address that it wants to be opened.
    pub fn page(&self) -> String {
        self.expect("\nhttp://");
        let printed = self.printed();
        let (_, rest) = printed.split_once("\nhttp://").unwrap();
        format!("http://{}", rest.lines().next().unwrap())
    }

    /// Where the browser's answer reaches the program, which may listen on another port than the vendor knows.
    pub fn callback(&self, location: &str) -> String {
        self.expect("Waiting on port ");
        let printed = self.printed();
        let (_, port) = printed.split_once("Waiting on port ").unwrap();
        let port: u16 = port.split(' ').next().unwrap().parse().unwrap();
        let (_, path) = location
            .strip_prefix("http://localhost:")
            .unwrap()
            .split_once('/')
            .unwrap();
        format!("http://127.0.0.1:{port}/{path}")
    }

    pub fn succeeds(&mut self) {
        let code = self.0.wait().code();
        assert_eq!(code, Some(0), "{}", self.printed());
        self.expect("auth/");
    }

    /// As [`Login::succeeds`], for programs that print something else.
    pub fn ends_well(&mut self) {
        let code = self.0.wait().code();
        assert_eq!(code, Some(0), "{}", self.printed());
    }

    pub fn fails(&mut self, words: &str) {
        let code = self.0.wait().code();
        assert_eq!(code, Some(1), "{}", self.printed());
        self.expect(words);
    }

    pub fn interrupt(&mut self) {
        self.signal("INT");
        let code = self.0.wait().code();
        assert_eq!(code, Some(130), "{}", self.printed());
        self.expect("interrupted");
    }
}

/// Status and text of an answer.
pub fn get(url: &str) -> io::Result<(u16, String)> {
    let rest = url.strip_prefix("http://").unwrap();
    let (address, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    Ok((status, answer))
}
