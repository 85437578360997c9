//! Parameters of a query that an operation does not have.
//!
//! Operations with parameters refuse unknown ones as they read them (`extract::Query`). The others read none, and would
//! answer `?participant=…` as if nothing had been asked: with somebody else's balance.
use crate::http::problem::Problem;
use axum::http::{Method, Uri};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

/// What any list may be asked with, also one that always comes whole: who reads lists page by page reads all of them so.
const OF_LISTS: [&str; 4] = ["limit", "starting_after", "ending_before", "order"];

/// All operations: method, the parts of the path, and whether its query has no parameters.
pub struct Parameterless(Vec<(Method, Vec<String>, bool)>);

impl Parameterless {
    pub fn of(document: &OpenApi) -> Parameterless {
        let mut found = Vec::new();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    let parts: Vec<String> = path.trim_matches('/').split('/').map(str::to_owned).collect();
                    found.push((method, parts, has_none(operation)));
                }
            }
        }
        // What is named goes before what is any name.
        found.sort_by_key(|(_, parts, _)| parts.iter().filter(|p| is_variable(p)).count());
        Parameterless(found)
    }

    /// The problem of a request whose operation has no parameters, and which names one.
    pub fn refusal(&self, method: &Method, uri: &Uri) -> Option<Problem> {
        let query = uri.query().filter(|q| !q.is_empty())?;
        let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
        let same = |known: &[String]| {
            known.len() == parts.len() && known.iter().zip(&parts).all(|(k, p)| is_variable(k) || k == p)
        };
        self.0.iter().find(|(m, known, _)| m == method && same(known)).filter(|(_, _, has_none)| *has_none)?;
        let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
        let pages = |name: &&str| *method == Method::GET && OF_LISTS.contains(name);
        let name: String = names.find(|n| !pages(n))?.chars().filter(|c| !c.is_control()).take(64).collect();
        let detail = format!("This operation has no parameter `{name}`. Leave it out; /docs lists what each has.");
        Some(Problem::field("query_invalid", &name, detail))
    }
}

fn has_none(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    !parameters.any(|p| match p {
        RefOr::T(parameter) => matches!(parameter.parameter_in, ParameterIn::Query),
        RefOr::Ref(_) => true,
    })
}

fn is_variable(part: &str) -> bool {
    part.starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_operations_without_parameters_refuse_them() {
        let known = Parameterless::of(&crate::http::openapi());
        let refused = |method, uri: &'static str| known.refusal(&method, &Uri::from_static(uri)).is_some();
        assert!(refused(Method::GET, "/v1/balance?participant=par_1"));
        assert!(refused(Method::GET, "/v1/pools?limit=1&participant=2"));
        assert!(refused(Method::POST, "/v1/bids?dry=1"));
        assert!(refused(Method::GET, "/v1/pools/fra1-gp?x"));
        for fine in [
            "/v1/bids?limit=1",
            "/v1/pools?limit=500&order=asc",
            "/v1/balance",
            "/v1/balance?",
            "/anything?x=1",
            "/v1/statements?from=x",
        ] {
            assert!(!refused(Method::GET, fine), "{fine}");
        }
    }
}
