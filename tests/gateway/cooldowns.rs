//! Cooldowns across restarts (`save-cooldown-status`).

use holdfast::unversioned::demo::{Script, Step, Upstreams};

use crate::harness::{Dialect, Options, Setup, configuration};

fn limited() -> Script {
    Script::always(Step::Status {
        status: 429,
        headers: vec![("retry-after".to_owned(), "600".to_owned())],
        body: None,
    })
}

#[test]
fn cooldowns_survive_a_restart_if_configured() {
    for is_saved in [true, false] {
        let folder = std::env::temp_dir().join(format!(
            "holdfast-cooldowns-{}-{is_saved}",
            std::process::id()
        ));
        std::fs::create_dir_all(&folder).unwrap();
        let upstreams = Upstreams::start().unwrap();
        let options = Options {
            accounts: 2,
            strategy: "fill-first",
            ..Options::default()
        };
        let text = configuration(upstreams.address(), &options).replace(
            "session-affinity: true",
            &format!(
                "session-affinity-file: {}",
                folder.join("sessions").display()
            ),
        );
        let text = format!("save-cooldown-status: {is_saved}\n{text}");
        let mut setup = Setup::configured(upstreams, &text);
        for n in 1..=2 {
            setup.upstreams.script(&Dialect::Chat.account(n), limited());
        }
        assert_eq!(setup.ask(Dialect::Chat, &["hello"], false).status(), 429);
        assert_eq!(setup.records().len(), 2);
        setup.restart(&text);
        // What is blocked is not called.
        assert_eq!(setup.ask(Dialect::Chat, &["hello"], false).status(), 429);
        let calls = if is_saved { 2 } else { 4 };
        assert_eq!(setup.records().len(), calls, "{is_saved}");
        let kept = std::fs::read_to_string(folder.join("cooldowns.json"));
        assert_eq!(kept.is_ok(), is_saved);
        assert!(!kept.unwrap_or_default().contains("account"));
        // A damaged file is ignored.
        setup.stop_gateway();
        std::fs::write(folder.join("cooldowns.json"), "[{").unwrap();
        setup.restart(&text);
        setup.ask(Dialect::Chat, &["hello"], false);
        assert_eq!(setup.records().len(), calls + 2, "{is_saved}");
        setup.stop();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
