//! The scenarios in `fixtures/`, and the questions every plugin must answer at each of their points.

mod openai {
    retouch_sdk::conformance!(retouch_openai::OpenAiEdit);
}

mod azure {
    retouch_sdk::conformance!(retouch_openai::AzureEdit);
}
