//! The answers to steps, so that twice equals once.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::lock;
use crate::driver::{DriverError, OpKey};

/// A swap has some ten steps, and is repeated within minutes.
const MOST_KEPT: usize = 2_048;

/// Answers of the latest steps. Refusals are not among them: asked again, a step is tried again.
#[derive(Default)]
pub(super) struct Answers(Mutex<VecDeque<Answer>>);

struct Answer {
    key: OpKey,
    operation: &'static str,
    request: String,
    answer: serde_json::Value,
}

impl Answers {
    /// The first answer to this step, if it was answered.
    pub fn find<A: DeserializeOwned>(
        &self,
        key: &OpKey,
        operation: &'static str,
        request: &str,
    ) -> Result<Option<A>, DriverError> {
        let kept = lock(&self.0);
        let Some(known) = kept.iter().find(|known| known.operation == operation && known.key == *key) else {
            return Ok(None);
        };
        if known.request != request {
            return Err(DriverError::KeyReused { swap: key.swap.clone(), step: key.step.clone() });
        }
        Ok(serde_json::from_value(known.answer.clone()).ok())
    }

    pub fn keep<A: Serialize>(&self, key: &OpKey, operation: &'static str, request: String, answer: &A) {
        let Ok(answer) = serde_json::to_value(answer) else { return };
        let mut kept = lock(&self.0);
        kept.retain(|known| known.operation != operation || known.key != *key);
        kept.push_back(Answer { key: key.clone(), operation, request, answer });
        if kept.len() > MOST_KEPT {
            kept.pop_front();
        }
    }
}
