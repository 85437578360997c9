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

/// What the query of an operation may have.
#[derive(Clone, Copy, PartialEq)]
enum Query {
    /// Parameters of its own: it refuses others as it reads them.
    Parameters,
    /// A list that always comes whole.
    WholeList,
    Nothing,
}

/// All operations: method, the parts of the path, and what its query may have.
pub struct Parameterless(Vec<(Method, Vec<String>, Query)>);

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
                    found.push((method, parts, query_of(operation)));
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
        let (_, _, has) = self.0.iter().find(|(m, known, _)| m == method && same(known))?;
        if *has == Query::Parameters {
            return None;
        }
        let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
        let pages = |name: &&str| *has == Query::WholeList && OF_LISTS.contains(name);
        let name: String = names.find(|n| !pages(n))?.chars().filter(|c| !c.is_control()).take(64).collect();
        let detail = format!("This operation has no parameter `{name}`. Leave it out; /docs lists what each has.");
        Some(Problem::field("query_invalid", &name, detail))
    }
}

fn query_of(operation: &Operation) -> Query {
    let mut parameters = operation.parameters.iter().flatten();
    let has_some = parameters.any(|p| match p {
        RefOr::T(parameter) => matches!(parameter.parameter_in, ParameterIn::Query),
        RefOr::Ref(_) => true,
    });
    match (has_some, answers_with_a_list(operation)) {
        (true, _) => Query::Parameters,
        (false, true) => Query::WholeList,
        (false, false) => Query::Nothing,
    }
}

fn answers_with_a_list(operation: &Operation) -> bool {
    let Some(RefOr::T(answer)) = operation.responses.responses.get("200") else { return false };
    answer.content.values().any(|content| match content {
        RefOr::T(content) => {
            matches!(&content.schema, Some(RefOr::Ref(schema)) if schema.ref_location.contains("/List_"))
        }
        RefOr::Ref(_) => false,
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
        assert!(refused(Method::GET, "/v1/balance?limit=1"), "no list");
        assert!(refused(Method::GET, "/v1/pools/fra1-gp?order=asc"), "no list");
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
