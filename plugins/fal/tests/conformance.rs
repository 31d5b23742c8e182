//! The scenarios in `fixtures/`, and the questions every plugin must answer at each of their points.

retouch_sdk::conformance!(retouch_fal::FalQueue);
