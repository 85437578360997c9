//! What is on its way to the disk.
use crate::error::StoreError;
use tokio::sync::oneshot;

/// A batch that is being written: when the next one may be, and when this one is durable.
#[derive(Debug)]
pub struct UnderWay {
    /// Answered once it is written; it ends without an answer where it was not.
    pub written: oneshot::Receiver<()>,
    /// Nothing of the batch may be acknowledged before this. After an error nothing of it is known to be stored.
    pub durable: oneshot::Receiver<Result<(), StoreError>>,
}

/// The other end: whoever writes it.
#[derive(Debug)]
pub(crate) struct Teller {
    written: oneshot::Sender<()>,
    durable: oneshot::Sender<Result<(), StoreError>>,
}

impl UnderWay {
    pub(crate) fn new() -> (UnderWay, Teller) {
        let (tell_written, written) = oneshot::channel();
        let (tell_durable, durable) = oneshot::channel();
        (UnderWay { written, durable }, Teller { written: tell_written, durable: tell_durable })
    }
}

impl Teller {
    /// It is written; what comes back is for the one who knows when it is durable. The one who asked may have gone away:
    /// what is stored stands.
    pub(crate) fn written(self) -> oneshot::Sender<Result<(), StoreError>> {
        let _gone = self.written.send(());
        self.durable
    }

    /// It is durable, or nobody knows, and only then the next one may be written.
    pub(crate) fn durable(self, result: Result<(), StoreError>) {
        match result {
            Ok(()) => {
                let _gone = self.written().send(Ok(()));
            }
            Err(error) => self.failed(error),
        }
    }

    pub(crate) fn failed(self, error: StoreError) {
        // Nothing may go past it: `written` ends without an answer, and not before there is an error to be read.
        let _gone = self.durable.send(Err(error));
        drop(self.written);
    }
}
