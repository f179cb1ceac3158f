//! Who a process is: one certificate authority per cluster, and the certificates it issues to nodes and clients.
//!
//! The certificate is the identity: the only node id or client name that is ever believed is the one in the URI that a
//! certificate carries (`raftctl://<cluster>/node/<id>`, `raftctl://<cluster>/client/<name>`). Private keys lie in
//! files of mode 0600 in directories of mode 0700, and keys that others could read are refused.
//!
//! This file knows files and certificates, not connections; joining, renewal and revocation are not here.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::raft::{ClusterId, NodeId};

/// How long an authority's certificate is valid.
pub const AUTHORITY_VALID_DAYS: i64 = 3_650;

/// How long the certificate of a node or a client is valid.
pub const LEAF_VALID_DAYS: i64 = 365;

/// How far certificates are back-dated, against clocks that are not quite equal.
pub const BACKDATE_MINUTES: i64 = 5;

/// Longest client name in a certificate, in characters of `[a-z0-9-]`.
pub const CLIENT_NAME_LENGTH_MAX: usize = 40;

/// Largest file that is read as part of an identity, in bytes.
const IDENTITY_FILE_BYTES_MAX: u64 = 64 * 1024;

const AUTHORITY_CERTIFICATE_FILE: &str = "ca.pem";
const AUTHORITY_KEY_FILE: &str = "ca-key.pem";
const CERTIFICATE_FILE: &str = "cert.pem";
const KEY_FILE: &str = "key.pem";
const RESET_KEY_FILE: &str = "reset.key";

const RESET_KEY_BYTES: usize = 32;
const PRIVATE_FILE_MODE: u32 = 0o600;
const PUBLIC_FILE_MODE: u32 = 0o644;
const PRIVATE_DIRECTORY_MODE: u32 = 0o700;

/// What a certificate says its holder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Issues certificates; never speaks.
    Authority,
    Node(NodeId),
    Client(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Authority => f.write_str("the authority"),
            Subject::Node(id) => write!(f, "{id}"),
            Subject::Client(name) => write!(f, "client {name}"),
        }
    }
}

/// Why an identity could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} has mode {mode:04o}, and others could use it; it must be {wanted:04o} (chmod {wanted:o} {path})")]
    Mode { path: PathBuf, mode: u32, wanted: u32 },
    #[error("{path} is not what it should be: {because}")]
    Malformed { path: PathBuf, because: String },
    #[error("the key in {path} does not belong to the certificate beside it")]
    KeyMismatch { path: PathBuf },
    #[error("{what:?} cannot stand in a certificate")]
    Name { what: String },
    #[error("the authority is of cluster {authority}, not of {asked}")]
    WrongCluster { authority: ClusterId, asked: ClusterId },
    #[error("cannot make a certificate")]
    Issue(#[from] rcgen::Error),
}

/// Why bytes are not a certificate of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("the certificate cannot be parsed")]
    Unreadable,
    #[error("the certificate carries no single raftctl:// name")]
    NoName,
    #[error("the certificate's name {0:?} is not one of ours")]
    UnknownName(String),
}

/// The certificate authority of one cluster: it exists where clusters are made, never on a node.
pub struct Authority {
    cluster: ClusterId,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority with a new key, in memory.
    pub fn create(cluster_name: &str, cluster: ClusterId) -> Result<Authority, IdentityError> {
        let key = KeyPair::generate()?;
        let mut params =
            certificate_params(&format!("raftctl {cluster_name}"), AUTHORITY_VALID_DAYS, OffsetDateTime::now_utc());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        params.subject_alt_names.push(uri(cluster, &Subject::Authority)?);
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Authority { cluster, certificate, issuer: Issuer::new(params, key) })
    }

    /// Writes `ca.pem` and `ca-key.pem` into `directory`, which is made if missing.
    pub fn save(&self, directory: &Path) -> Result<(), IdentityError> {
        make_private_directory(directory)?;
        let key = self.issuer.key().serialize_pem();
        write_file(&directory.join(AUTHORITY_KEY_FILE), key.as_bytes(), PRIVATE_FILE_MODE)?;
        let certificate = pem("CERTIFICATE", &self.certificate);
        write_file(&directory.join(AUTHORITY_CERTIFICATE_FILE), certificate.as_bytes(), PUBLIC_FILE_MODE)
    }

    /// Reads what `save` wrote and proves that it is an authority with its own key.
    pub fn load(directory: &Path) -> Result<Authority, IdentityError> {
        let path = directory.join(AUTHORITY_CERTIFICATE_FILE);
        let certificate = read_certificate(&path)?;
        let (name, facts) = read_facts(&path, &certificate)?;
        if name.subject != Subject::Authority || !facts.is_authority {
            return Err(malformed(&path, "the certificate is not an authority's"));
        }
        let key_path = directory.join(AUTHORITY_KEY_FILE);
        let key = read_key(&key_path)?;
        let key = KeyPair::try_from(&key)?;
        if facts.public_key != key.public_key_raw() {
            return Err(IdentityError::KeyMismatch { path: key_path });
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Authority { cluster: name.cluster, certificate, issuer })
    }

    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// Issues a node's certificate, good for both sides of a connection. `hosts` are what its address may be: IP
    /// addresses or host names, without ports; the certificate carries them for people and tools, raftctl itself dials
    /// by `node_server_name`.
    pub fn issue_node(&self, cluster: ClusterId, id: NodeId, hosts: &[String]) -> Result<Identity, IdentityError> {
        if cluster != self.cluster {
            return Err(IdentityError::WrongCluster { authority: self.cluster, asked: cluster });
        }
        let mut names = vec![dns(&node_server_name(cluster, id))?, dns(&any_server_name(cluster))?];
        for host in hosts {
            names.push(match host.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => dns(host)?,
            });
        }
        let usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(Subject::Node(id), names, usages, OffsetDateTime::now_utc())
    }

    /// Issues a client's certificate, good for dialling only. `name`: `[a-z0-9-]`, 1 to 40 characters.
    pub fn issue_client(&self, name: &str) -> Result<Identity, IdentityError> {
        if !is_client_name(name) {
            return Err(IdentityError::Name { what: name.to_owned() });
        }
        let usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(Subject::Client(name.to_owned()), Vec::new(), usages, OffsetDateTime::now_utc())
    }

    fn issue(
        &self,
        subject: Subject,
        names: Vec<SanType>,
        usages: Vec<ExtendedKeyUsagePurpose>,
        now: OffsetDateTime,
    ) -> Result<Identity, IdentityError> {
        let key = KeyPair::generate()?;
        let mut params = certificate_params(&subject.to_string(), LEAF_VALID_DAYS, now);
        params.subject_alt_names = names;
        params.subject_alt_names.push(uri(self.cluster, &subject)?);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        let expires = params.not_after;
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        Ok(Identity {
            cluster: self.cluster,
            subject,
            authority: self.certificate.clone(),
            certificate,
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
            expires: jiff::Timestamp::from_second(expires.unix_timestamp()).expect("a year from now is a valid time"),
            reset_key: rand::random(),
        })
    }
}

#[cfg(test)]
impl Authority {
    /// A node's certificate as it would have been issued `days` ago (or in the future, when negative).
    pub(super) fn issue_node_days_ago(&self, id: NodeId, days: i64) -> Identity {
        let names = vec![dns(&node_server_name(self.cluster, id)).expect("node names are plain")];
        let usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let issued = OffsetDateTime::now_utc() - Duration::days(days);
        self.issue(Subject::Node(id), names, usages, issued).expect("test certificates can be made")
    }
}

/// A certificate with its key and the authority that vouches for it and for everybody it may talk to.
pub struct Identity {
    cluster: ClusterId,
    subject: Subject,
    authority: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
    expires: jiff::Timestamp,
    reset_key: [u8; RESET_KEY_BYTES],
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} of {}, expires {})", self.subject, self.cluster, self.expires)
    }
}

impl Clone for Identity {
    fn clone(&self) -> Identity {
        Identity {
            cluster: self.cluster,
            subject: self.subject.clone(),
            authority: self.authority.clone(),
            certificate: self.certificate.clone(),
            key: self.key.clone_key(),
            expires: self.expires,
            reset_key: self.reset_key,
        }
    }
}

impl Identity {
    /// Writes `ca.pem`, `cert.pem`, `key.pem` and `reset.key` into `directory`, which is made if missing (mode 0700).
    pub fn save(&self, directory: &Path) -> Result<(), IdentityError> {
        make_private_directory(directory)?;
        let public = |name: &str, der: &[u8]| {
            write_file(&directory.join(name), pem("CERTIFICATE", der).as_bytes(), PUBLIC_FILE_MODE)
        };
        public(AUTHORITY_CERTIFICATE_FILE, &self.authority)?;
        public(CERTIFICATE_FILE, &self.certificate)?;
        let key = pem("PRIVATE KEY", self.key.secret_pkcs8_der());
        write_file(&directory.join(KEY_FILE), key.as_bytes(), PRIVATE_FILE_MODE)?;
        write_file(&directory.join(RESET_KEY_FILE), &self.reset_key, PRIVATE_FILE_MODE)
    }

    /// Reads what `save` wrote. Refuses keys that others can read, and a key that does not fit its certificate.
    pub fn load(directory: &Path) -> Result<Identity, IdentityError> {
        let mode = fs::metadata(directory)
            .map_err(|source| IdentityError::Read { path: directory.to_owned(), source })?
            .mode()
            & 0o777;
        if mode & 0o077 != 0 {
            return Err(IdentityError::Mode { path: directory.to_owned(), mode, wanted: PRIVATE_DIRECTORY_MODE });
        }
        let authority = read_certificate(&directory.join(AUTHORITY_CERTIFICATE_FILE))?;
        let path = directory.join(CERTIFICATE_FILE);
        let certificate = read_certificate(&path)?;
        let (name, facts) = read_facts(&path, &certificate)?;
        let key_path = directory.join(KEY_FILE);
        let PrivateKeyDer::Pkcs8(key) = read_key(&key_path)? else {
            return Err(malformed(&key_path, "the key is not in PKCS #8 form"));
        };
        if facts.public_key != KeyPair::try_from(&key)?.public_key_raw() {
            return Err(IdentityError::KeyMismatch { path: key_path });
        }
        let reset_path = directory.join(RESET_KEY_FILE);
        let reset_key = read_private_file(&reset_path)?;
        let reset_key = <[u8; RESET_KEY_BYTES]>::try_from(reset_key.as_slice())
            .map_err(|_| malformed(&reset_path, "a reset key has 32 bytes"))?;
        Ok(Identity {
            cluster: name.cluster,
            subject: name.subject,
            authority,
            certificate,
            key,
            expires: facts.expires,
            reset_key,
        })
    }

    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// When the certificate stops being accepted; displays as RFC 3339 in UTC.
    pub fn expires(&self) -> jiff::Timestamp {
        self.expires
    }

    pub(super) fn authority(&self) -> &CertificateDer<'static> {
        &self.authority
    }

    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.clone_key())
    }

    /// The secret from which stateless reset tokens are derived. It outlives the process, so that after a crash and
    /// a restart the peers of the old process learn at once that it is gone.
    pub(super) fn reset_key(&self) -> &[u8; RESET_KEY_BYTES] {
        &self.reset_key
    }
}

#[cfg(test)]
impl Identity {
    /// The same certificate, trusting the authority of `other`: what an attacker would do.
    pub(super) fn trusting(mut self, other: &Identity) -> Identity {
        self.authority = other.authority.clone();
        self
    }
}

/// The name in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerName {
    pub cluster: ClusterId,
    pub subject: Subject,
}

/// What a certificate file says, in one line: subject, names and validity. Never anything secret.
///
/// # Errors
/// The file cannot be read, or is no certificate.
pub fn describe_certificate(path: &Path) -> Result<String, IdentityError> {
    let der = read_certificate(path)?;
    let parsed = X509Certificate::from_der(&der).map(|(_, parsed)| parsed);
    let Ok(parsed) = parsed else {
        let because = CertificateError::Unreadable.to_string();
        return Err(IdentityError::Malformed { path: path.to_path_buf(), because });
    };
    let time =
        |seconds: i64| jiff::Timestamp::from_second(seconds).map_or_else(|_| "–".to_owned(), |at| at.to_string());
    let validity = parsed.validity();
    let who = match name_of(&parsed) {
        Ok(PeerName { cluster, subject }) => format!("{subject} of cluster {cluster}"),
        Err(_) => parsed.subject().to_string(),
    };
    Ok(format!(
        "{who}, valid from {} to {}, serial {}",
        time(validity.not_before.timestamp()),
        time(validity.not_after.timestamp()),
        parsed.raw_serial_as_string()
    ))
}

/// Reads who a certificate is for. It does not judge the signature: TLS has done that.
pub fn name_in(certificate: &[u8]) -> Result<PeerName, CertificateError> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::Unreadable)?;
    name_of(&parsed)
}

/// The DNS name under which a node's certificate is checked when it is dialled: the standard TLS check of this name
/// proves which node answered, whatever address it was dialled at.
pub fn node_server_name(cluster: ClusterId, id: NodeId) -> String {
    format!("{id}.{cluster}.raftctl.internal")
}

/// The DNS name that every node of a cluster carries, for dialling an address without knowing which node is there.
pub fn any_server_name(cluster: ClusterId) -> String {
    format!("node.{cluster}.raftctl.internal")
}

/// Whether `name` may stand in a client certificate.
pub fn is_client_name(name: &str) -> bool {
    (1..=CLIENT_NAME_LENGTH_MAX).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

struct Facts {
    public_key: Vec<u8>,
    expires: jiff::Timestamp,
    is_authority: bool,
}

fn read_facts(path: &Path, certificate: &[u8]) -> Result<(PeerName, Facts), IdentityError> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| malformed(path, "the certificate cannot be parsed"))?;
    let name = name_of(&parsed).map_err(|error| malformed(path, &error.to_string()))?;
    let expires = jiff::Timestamp::from_second(parsed.validity().not_after.timestamp())
        .map_err(|_| malformed(path, "the certificate's end date is out of range"))?;
    let public_key = parsed.public_key().subject_public_key.data.to_vec();
    Ok((name, Facts { public_key, expires, is_authority: parsed.is_ca() }))
}

fn name_of(certificate: &X509Certificate<'_>) -> Result<PeerName, CertificateError> {
    let extension = certificate.subject_alternative_name().map_err(|_| CertificateError::NoName)?;
    let names = extension.map(|found| found.value.general_names.as_slice()).unwrap_or_default();
    let mut ours = names.iter().filter_map(|name| match name {
        GeneralName::URI(text) => text.strip_prefix("raftctl://"),
        _ => None,
    });
    let (Some(text), None) = (ours.next(), ours.next()) else {
        return Err(CertificateError::NoName);
    };
    parse_name(text).ok_or_else(|| CertificateError::UnknownName(text.to_owned()))
}

/// Parses `<cluster>/node/<id>`, `<cluster>/client/<name>` or `<cluster>/authority`, in the one spelling we write.
fn parse_name(text: &str) -> Option<PeerName> {
    let (cluster, rest) = text.split_once('/')?;
    let cluster = ClusterId(u128::from_str_radix(cluster, 16).ok()?);
    let subject = match rest.split_once('/') {
        None if rest == "authority" => Subject::Authority,
        Some(("node", id)) => Subject::Node(NodeId(id.parse().ok().filter(|id| *id > 0)?)),
        Some(("client", name)) if is_client_name(name) => Subject::Client(name.to_owned()),
        _ => return None,
    };
    (name_text(cluster, &subject) == text).then_some(PeerName { cluster, subject })
}

fn name_text(cluster: ClusterId, subject: &Subject) -> String {
    match subject {
        Subject::Authority => format!("{cluster}/authority"),
        Subject::Node(id) => format!("{cluster}/node/{}", id.0),
        Subject::Client(name) => format!("{cluster}/client/{name}"),
    }
}

fn uri(cluster: ClusterId, subject: &Subject) -> Result<SanType, IdentityError> {
    let text = format!("raftctl://{}", name_text(cluster, subject));
    let text = text.clone().try_into().map_err(|_| IdentityError::Name { what: text })?;
    Ok(SanType::URI(text))
}

fn dns(name: &str) -> Result<SanType, IdentityError> {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    match name.try_into() {
        Ok(text) if plain => Ok(SanType::DnsName(text)),
        _ => Err(IdentityError::Name { what: name.to_owned() }),
    }
}

fn certificate_params(common_name: &str, days: i64, now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = now - Duration::minutes(BACKDATE_MINUTES);
    params.not_after = now + Duration::days(days);
    params.use_authority_key_identifier_extension = true;
    params
}

fn read_certificate(path: &Path) -> Result<CertificateDer<'static>, IdentityError> {
    let text = read_small_file(path)?;
    CertificateDer::from_pem_slice(&text).map_err(|error| malformed(path, &error.to_string()))
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, IdentityError> {
    let text = read_private_file(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| malformed(path, &error.to_string()))
}

fn read_private_file(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let read = |source| IdentityError::Read { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(read)?.mode() & 0o777;
    if mode != PRIVATE_FILE_MODE {
        return Err(IdentityError::Mode { path: path.to_owned(), mode, wanted: PRIVATE_FILE_MODE });
    }
    read_small_file(path)
}

fn read_small_file(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let read = |source| IdentityError::Read { path: path.to_owned(), source };
    let size_bytes = fs::metadata(path).map_err(read)?.len();
    if size_bytes > IDENTITY_FILE_BYTES_MAX {
        return Err(malformed(path, "the file is far too long"));
    }
    fs::read(path).map_err(read)
}

fn malformed(path: &Path, because: &str) -> IdentityError {
    IdentityError::Malformed { path: path.to_owned(), because: because.to_owned() }
}

fn make_private_directory(path: &Path) -> Result<(), IdentityError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_DIRECTORY_MODE)
        .create(path)
        .map_err(|source| IdentityError::Write { path: path.to_owned(), source })
}

/// Writes beside the target, syncs, and renames: a crash leaves the old file or the new one, never half a key.
fn write_file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), IdentityError> {
    let error = |source| IdentityError::Write { path: path.to_owned(), source };
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    match fs::remove_file(&temporary) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(error(source)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary).map_err(error)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(error)?;
    fs::rename(&temporary, path).map_err(error)
}

/// RFC 7468: base64 in lines of 64 characters.
fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(core::str::from_utf8(line).expect("base64 is ASCII"));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    const CLUSTER: ClusterId = ClusterId(0xabc);

    fn authority() -> Authority {
        Authority::create("demo", CLUSTER).expect("an authority can be made")
    }

    fn host() -> Vec<String> {
        vec!["127.0.0.1".to_owned(), "node-1.example".to_owned()]
    }

    #[test]
    fn an_identity_reads_back_as_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("identity");
        let issued = authority().issue_node(CLUSTER, NodeId(3), &host()).unwrap();
        issued.save(&directory).unwrap();
        let loaded = Identity::load(&directory).unwrap();
        assert_eq!(loaded.subject(), &Subject::Node(NodeId(3)));
        assert_eq!(loaded.cluster(), CLUSTER);
        assert_eq!(loaded.certificate(), issued.certificate());
        assert_eq!(loaded.authority(), issued.authority());
        assert_eq!(loaded.key(), issued.key());
        assert_eq!(loaded.reset_key(), issued.reset_key());
        assert_eq!(loaded.expires(), issued.expires());
        let days = (loaded.expires().as_second() - jiff::Timestamp::now().as_second()) / 86_400;
        assert!((LEAF_VALID_DAYS - 1..=LEAF_VALID_DAYS).contains(&days), "{days} days");
    }

    #[test]
    fn an_authority_issues_after_it_was_saved_and_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let made = authority();
        made.save(folder.path()).unwrap();
        let loaded = Authority::load(folder.path()).unwrap();
        let client = loaded.issue_client("local").unwrap();
        assert_eq!(client.authority(), &made.certificate);
        let name = name_in(client.certificate()).unwrap();
        assert_eq!(name, PeerName { cluster: CLUSTER, subject: Subject::Client("local".to_owned()) });
    }

    #[test]
    fn files_and_directories_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("identity");
        authority().issue_client("local").unwrap().save(&directory).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&directory), PRIVATE_DIRECTORY_MODE);
        for file in [KEY_FILE, RESET_KEY_FILE] {
            assert_eq!(mode(&directory.join(file)), PRIVATE_FILE_MODE);
        }
        let all = fs::read_dir(&directory).unwrap().count();
        assert_eq!(all, 4, "nothing is left over");
    }

    #[test]
    fn keys_that_others_can_read_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("identity");
        authority().issue_client("local").unwrap().save(&directory).unwrap();
        for (path, bad, good) in [
            (directory.join(KEY_FILE), 0o644, 0o600),
            (directory.join(KEY_FILE), 0o640, 0o600),
            (directory.join(RESET_KEY_FILE), 0o666, 0o600),
            (directory.clone(), 0o755, 0o700),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(bad)).unwrap();
            let error = Identity::load(&directory).unwrap_err();
            assert!(matches!(&error, IdentityError::Mode { path: named, .. } if *named == path), "{error}");
            assert!(error.to_string().contains("chmod"), "{error}");
            fs::set_permissions(&path, fs::Permissions::from_mode(good)).unwrap();
        }
        Identity::load(&directory).unwrap();
    }

    #[test]
    fn a_key_beside_the_wrong_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority();
        let (one, two) = (folder.path().join("1"), folder.path().join("2"));
        authority.issue_client("one").unwrap().save(&one).unwrap();
        authority.issue_client("two").unwrap().save(&two).unwrap();
        fs::copy(two.join(KEY_FILE), one.join(KEY_FILE)).unwrap();
        assert!(matches!(Identity::load(&one), Err(IdentityError::KeyMismatch { .. })));
    }

    #[test]
    fn a_leaf_cannot_be_loaded_as_an_authority() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("identity");
        authority().issue_node(CLUSTER, NodeId(1), &host()).unwrap().save(&directory).unwrap();
        fs::copy(directory.join(CERTIFICATE_FILE), directory.join(AUTHORITY_CERTIFICATE_FILE)).unwrap();
        fs::copy(directory.join(KEY_FILE), directory.join(AUTHORITY_KEY_FILE)).unwrap();
        assert!(matches!(Authority::load(&directory), Err(IdentityError::Malformed { .. })));
    }

    #[test]
    fn names_that_could_be_misread_are_refused() {
        let authority = authority();
        for name in ["", "a/b", "A", "a b", "..", "n\u{e9}", &"a".repeat(CLIENT_NAME_LENGTH_MAX + 1)] {
            assert!(matches!(authority.issue_client(name), Err(IdentityError::Name { .. })), "{name:?}");
        }
        for host in ["", "a host", "a/b", "*"] {
            let issued = authority.issue_node(CLUSTER, NodeId(1), &[host.to_owned()]);
            assert!(matches!(issued, Err(IdentityError::Name { .. })), "{host:?}");
        }
        let other = authority.issue_node(ClusterId(1), NodeId(1), &host());
        assert!(matches!(other, Err(IdentityError::WrongCluster { .. })));
    }

    #[test]
    fn only_one_spelling_of_a_name_is_read() {
        let cluster = ClusterId(0xabc).to_string();
        let good = format!("{cluster}/node/7");
        assert_eq!(parse_name(&good), Some(PeerName { cluster: CLUSTER, subject: Subject::Node(NodeId(7)) }));
        for bad in ["abc/node/7".to_owned(), good.to_uppercase(), good.clone() + "/", good + "0x"] {
            assert_eq!(parse_name(&bad), None, "{bad}");
        }
        for rest in ["node/0", "node/07", "node/+7", "node/-1", "node/", "client/", "client/A", "authority/", "x"] {
            assert_eq!(parse_name(&format!("{cluster}/{rest}")), None, "{rest}");
        }
    }

    proptest! {
        #[test]
        fn garbage_certificates_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(name_in(&bytes).is_err());
        }
    }
}
