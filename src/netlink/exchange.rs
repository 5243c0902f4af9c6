//! The meaning of received messages for the request that waits for them. Each exchange is a small
//! state machine that takes [`Event`]s. It does no I/O, so the blocking and the tokio transport
//! share it.

use std::ops::Range;

use nix::libc;

use super::Failure;
use super::inbox::{Content, Event};
use super::packet::Outcome;

/// One request and its only answer: an ACK, or a message with the requested data.
pub(crate) struct Single {
    pub(crate) sequence: u32,
}

/// The answer to a [`Single`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Ack,
    Data(Range<usize>),
}

impl Single {
    /// Takes an event and returns the answer if the event is one. It ignores the answers to
    /// earlier requests, which nobody waits for any more.
    pub(crate) fn event(&mut self, event: Event) -> Result<Option<Answer>, Failure> {
        match event.content {
            Content::Overrun => Err(Failure::RepliesLost),
            _ if event.sequence != self.sequence => Ok(None),
            Content::Ack => Ok(Some(Answer::Ack)),
            Content::Data(payload) => Ok(Some(Answer::Data(payload))),
            Content::CutOff => Err(Failure::CutOff),
            Content::Rejected(rejection) => Err(Failure::Rejected(rejection)),
            Content::Done(rejection) => match rejection {
                Some(rejection) => Err(Failure::Rejected(rejection)),
                None => Ok(Some(Answer::Ack)),
            },
        }
    }
}

/// One request and a stream of messages up to `NLMSG_DONE`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dump {
    sequence: u32,
    /// True if a message reported that the data changed during the dump.
    interrupted: bool,
}

/// A step of a dump.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Dumped {
    Data(Range<usize>),
    End,
}

impl Dump {
    /// Returns the dump for the request with this sequence number.
    pub(crate) fn new(sequence: u32) -> Self {
        Self {
            sequence,
            interrupted: false,
        }
    }

    /// Takes an event. The end of an interrupted dump is an error.
    pub(crate) fn event(&mut self, event: Event) -> Result<Option<Dumped>, Failure> {
        if !matches!(event.content, Content::Overrun) {
            if event.sequence != self.sequence {
                return Ok(None);
            }
            self.interrupted |= event.interrupted;
        }
        match event.content {
            Content::Overrun => Err(Failure::RepliesLost),
            Content::Data(payload) => Ok(Some(Dumped::Data(payload))),
            Content::CutOff => Err(Failure::CutOff),
            Content::Done(None) | Content::Ack if self.interrupted => Err(Failure::Interrupted),
            Content::Done(None) | Content::Ack => Ok(Some(Dumped::End)),
            Content::Done(Some(rejection)) | Content::Rejected(rejection) => {
                Err(Failure::Rejected(rejection))
            }
        }
    }

    /// Returns true if the event with this outcome was the last of its dump. After other failures
    /// the kernel continues the dump. It also continues after `ENOBUFS`: it had no memory for the
    /// dump's beginning.
    pub(crate) fn is_over(outcome: &Result<Option<Dumped>, Failure>) -> bool {
        match outcome {
            Ok(Some(Dumped::End)) | Err(Failure::Interrupted) => true,
            Err(Failure::Rejected(rejection)) => rejection.code != libc::ENOBUFS,
            _ => false,
        }
    }
}

/// The requests of a [`Packet`](super::Packet). A request has succeeded if the message behind
/// them was answered and the request was not.
pub(crate) struct Pipeline {
    first: u32,
    last: u32,
    outcome: Outcome,
}

impl Pipeline {
    /// Returns a pipeline of requests numbered from `first` on. `last` is the number of the
    /// message behind them.
    pub(crate) fn new(first: u32, last: u32) -> Self {
        Self {
            first,
            last,
            outcome: Outcome::default(),
        }
    }

    /// Takes an event. Returns true once the kernel has processed all requests.
    pub(crate) fn event(&mut self, event: Event) -> bool {
        let index = event.sequence.wrapping_sub(self.first);
        let ours = index < self.last.wrapping_sub(self.first);
        match event.content {
            Content::Overrun => self.outcome.is_replies_lost = true,
            Content::Rejected(rejection) if ours => {
                self.outcome.failures.push((index, rejection));
            }
            _ => return event.sequence == self.last,
        }
        false
    }

    /// Records that the kernel dropped replies: every request without a reply is in doubt.
    pub(crate) fn is_replies_lost(&mut self) {
        self.outcome.is_replies_lost = true;
    }

    /// Records that no more replies come, although the message behind the requests was not
    /// answered.
    ///
    /// If the sender lacks permission, nfnetlink refuses the whole datagram with one error for
    /// its first request (`nfnetlink_rcv` in net/netfilter/nfnetlink.c). Otherwise every request
    /// without a reply is in doubt.
    pub(crate) fn unanswered(&mut self) {
        match &mut self.outcome {
            Outcome {
                failures,
                is_replies_lost: false,
            } if failures.len() == 1 && failures[0].0 == 0 => {
                let rejection = failures[0].1.clone();
                let count = self.last.wrapping_sub(self.first);
                failures.extend((1..count).map(|index| (index, rejection.clone())));
            }
            outcome => outcome.is_replies_lost = true,
        }
    }

    pub(crate) fn outcome(self) -> Outcome {
        self.outcome
    }
}

#[cfg(test)]
mod tests {
    use super::super::reject::Rejection;
    use super::*;

    fn event(sequence: u32, content: Content) -> Event {
        Event {
            sequence,
            interrupted: false,
            content,
        }
    }

    fn rejected(code: i32) -> Content {
        Content::Rejected(Rejection {
            code,
            extended: None,
            echo: Vec::new(),
        })
    }

    fn data() -> Content {
        Content::Data(16..20)
    }

    #[test]
    fn a_single_answer_is_its_own_and_nobody_elses() {
        let mut single = Single { sequence: 7 };
        assert_eq!(single.event(event(6, Content::Ack)).unwrap(), None);
        assert_eq!(single.event(event(6, rejected(17))).unwrap(), None);
        assert_eq!(
            single.event(event(7, Content::Ack)).unwrap(),
            Some(Answer::Ack)
        );
        assert_eq!(
            single.event(event(7, data())).unwrap(),
            Some(Answer::Data(16..20))
        );
        assert!(matches!(
            single.event(event(7, rejected(17))),
            Err(Failure::Rejected(rejection)) if rejection.code == 17
        ));
        assert!(matches!(
            single.event(event(0, Content::Overrun)),
            Err(Failure::RepliesLost)
        ));
        assert_eq!(single.event(event(6, Content::CutOff)).unwrap(), None);
        assert!(matches!(
            single.event(event(7, Content::CutOff)),
            Err(Failure::CutOff)
        ));
    }

    #[test]
    fn a_dump_ends_with_done_or_with_an_error() {
        let mut dump = Dump::new(7);
        assert_eq!(
            dump.event(event(7, data())).unwrap(),
            Some(Dumped::Data(16..20))
        );
        assert_eq!(dump.event(event(3, Content::Done(None))).unwrap(), None);
        assert_eq!(
            dump.event(event(7, Content::Done(None))).unwrap(),
            Some(Dumped::End)
        );
        assert!(dump.event(event(7, rejected(1))).is_err());
    }

    #[test]
    fn a_pipeline_traces_errors_by_sequence_number_across_the_wrap() {
        let mut pipeline = Pipeline::new(u32::MAX - 1, 2);
        assert!(!pipeline.event(event(u32::MAX - 2, rejected(1))), "stale");
        assert!(!pipeline.event(event(3, rejected(1))), "not ours");
        assert!(!pipeline.event(event(u32::MAX, rejected(2))));
        assert!(!pipeline.event(event(1, rejected(3))));
        assert!(pipeline.event(event(2, Content::Ack)));
        let outcome = pipeline.outcome();
        let failures: Vec<_> = outcome
            .failures
            .iter()
            .map(|(index, r)| (*index, r.code))
            .collect();
        assert_eq!(failures, [(1, 2), (3, 3)]);
        assert!(!outcome.is_replies_lost);
    }

    #[test]
    fn a_pipeline_passes_over_what_is_left_of_others_however_long() {
        let mut pipeline = Pipeline::new(5, 7);
        for left in [data(), Content::CutOff, Content::Ack, Content::Done(None)] {
            assert!(!pipeline.event(event(4, left)));
        }
        assert!(pipeline.event(event(7, Content::Ack)));
        assert!(pipeline.outcome().failures.is_empty());
    }

    #[test]
    fn a_pipeline_ends_with_the_message_behind_it_even_if_that_is_refused() {
        let mut pipeline = Pipeline::new(5, 7);
        assert!(!pipeline.event(event(6, rejected(1))));
        assert!(pipeline.event(event(7, rejected(2))));
        let failures = pipeline.outcome().failures;
        assert_eq!((failures.len(), failures[0].0), (1, 1));
    }

    #[test]
    fn a_pipeline_that_lost_replies_says_so() {
        let mut pipeline = Pipeline::new(1, 2);
        pipeline.event(event(0, Content::Overrun));
        assert!(pipeline.event(event(2, Content::Ack)));
        assert!(pipeline.outcome().is_replies_lost);
    }

    #[test]
    fn a_refusal_of_the_whole_datagram_is_one_of_each_request() {
        let mut pipeline = Pipeline::new(5, 8);
        assert!(!pipeline.event(event(5, rejected(1))));
        pipeline.unanswered();
        let outcome = pipeline.outcome();
        let failures: Vec<_> = outcome
            .failures
            .iter()
            .map(|it| (it.0, it.1.code))
            .collect();
        assert_eq!(failures, [(0, 1), (1, 1), (2, 1)]);
        assert!(!outcome.is_replies_lost);
    }

    #[test]
    fn requests_that_nothing_answers_are_in_doubt() {
        for refused in [None, Some(6)] {
            let mut pipeline = Pipeline::new(5, 8);
            if let Some(sequence) = refused {
                pipeline.event(event(sequence, rejected(1)));
            }
            pipeline.unanswered();
            let outcome = pipeline.outcome();
            assert!(outcome.is_replies_lost);
            assert_eq!(outcome.failures.len(), refused.iter().count());
        }
    }

    #[test]
    fn an_interrupted_dump_fails_at_its_end_and_only_it() {
        let interrupted = |sequence, content| Event {
            interrupted: true,
            ..event(sequence, content)
        };
        let mut dump = Dump::new(7);
        dump.event(interrupted(6, data())).unwrap();
        assert!(Dump::is_over(&dump.event(event(7, Content::Done(None)))));
        let mut dump = Dump::new(7);
        dump.event(interrupted(7, data())).unwrap();
        let end = dump.event(event(7, Content::Done(None)));
        assert!(matches!(end, Err(Failure::Interrupted)));
    }
}
