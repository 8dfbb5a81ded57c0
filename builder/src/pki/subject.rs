//! Subjects of certificates: the fields of `[pki.subject]` and a common name.

use rcgen::string::PrintableString;
use rcgen::{DistinguishedName, DnType, DnValue};
use x509_parser::x509::X509Name;

use crate::spec::Cluster;

/// The fields of a subject in their order: object identifier and value.
pub(super) type Fields = Vec<(String, String)>;

/// The object identifiers of the fields that we write (RFC 5280), in the order of openssl's configuration files.
const KNOWN: [(&str, DnType); 6] = [
    (COUNTRY, DnType::CountryName),
    ("2.5.4.8", DnType::StateOrProvinceName),
    ("2.5.4.7", DnType::LocalityName),
    (ORGANIZATION, DnType::OrganizationName),
    ("2.5.4.11", DnType::OrganizationalUnitName),
    (COMMON_NAME, DnType::CommonName),
];
const COMMON_NAME: &str = "2.5.4.3";
const COUNTRY: &str = "2.5.4.6";
const ORGANIZATION: &str = "2.5.4.10";

/// Returns the fields of a certificate with this common name, which may be empty. RFC 5280 asks for a subject, so the name of
/// the cluster is its organization if there is nothing else.
pub(super) fn fields(cluster: &Cluster, common_name: &str) -> Fields {
    let subject = &cluster.pki.subject;
    let common_name = (!common_name.is_empty()).then(|| common_name.to_owned());
    let values = [
        subject.country.clone(),
        subject.state.clone(),
        subject.locality.clone(),
        subject.organization.clone(),
        subject.unit.clone(),
        common_name,
    ];
    let fields = KNOWN.iter().zip(values);
    let fields: Fields = fields
        .filter_map(|((id, _), value)| Some(((*id).to_owned(), value?)))
        .collect();
    match fields.is_empty() {
        true => vec![(ORGANIZATION.to_owned(), cluster.name.clone())],
        false => fields,
    }
}

/// Returns the common name, or an empty text.
pub(super) fn common_name(fields: &Fields) -> &str {
    let mut fields = fields.iter();
    let field = fields.find(|(id, _)| id == COMMON_NAME);
    field.map_or("", |(_, value)| value)
}

/// Returns the name for a certificate.
pub(super) fn encoded(fields: &Fields) -> Result<DistinguishedName, rcgen::Error> {
    let mut name = DistinguishedName::new();
    for (id, value) in fields {
        let kind = KNOWN.iter().find(|(known, _)| known == id);
        let Some((_, kind)) = kind else { continue };
        // The country is always a PrintableString.
        let value = match id.as_str() {
            COUNTRY => DnValue::PrintableString(PrintableString::try_from(value.as_str())?),
            _ => DnValue::Utf8String(value.clone()),
        };
        name.push(kind.clone(), value);
    }
    Ok(name)
}

/// Returns the fields of a name as found.
pub(super) fn found(name: &X509Name<'_>) -> Fields {
    let attributes = name.iter_attributes();
    attributes
        .map(|attribute| {
            let value = attribute.as_str().unwrap_or_default();
            (attribute.attr_type().to_id_string(), value.to_owned())
        })
        .collect()
}
