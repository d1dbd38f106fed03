//! `ca-file`.

use crate::{config, problems};

#[test]
fn a_ca_file_holds_certificates() {
    let folder = std::env::temp_dir().join(format!("holdfast-ca-file-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("ca.pem");
    let text = format!("host: localhost\nca-file: {}\n", path.display());
    let found = |content: Option<&str>| {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        problems(&text)
    };
    let missing = found(None);
    assert_eq!(missing.len(), 1);
    assert!(missing[0].contains("error ca-file names a file that cannot be read"));
    for empty in [
        "",
        "nothing",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    ] {
        let expected = "c.yaml:2:10 error ca-file names a file without a certificate";
        assert_eq!(found(Some(empty)), [expected]);
    }
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(found(Some(pem)), [""; 0]);
    assert_eq!(config(&text).ca_file, Some(path));
    std::fs::remove_dir_all(&folder).unwrap();
}
