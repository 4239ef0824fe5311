//! Reflection in both versions. A request that fails becomes an error response, and the stream goes on; the library alone
//! would end the stream.

use futures_util::{Stream, StreamExt};
use std::{convert::Infallible, pin::Pin};
use tonic::{Request, Response, Status, Streaming, body::Body};
use tonic_reflection::{
    pb::{v1, v1alpha},
    server::Builder,
};
use tower::util::BoxCloneSyncService;

/// The library's service, called in this process.
type Library = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>;

/// A reflection service over the library's.
pub(super) struct Reflection(Library);

/// Descriptors of everything that callers see: our contract, health, and the types of error details.
fn builder() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(nono_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}

/// Creates the service of `grpc.reflection.v1`.
pub(super) fn v1() -> v1::server_reflection_server::ServerReflectionServer<Reflection> {
    let library = builder().build_v1().expect("the descriptors were compiled in");
    v1::server_reflection_server::ServerReflectionServer::new(Reflection(Library::new(library)))
}

/// Creates the service of `grpc.reflection.v1alpha`, for older clients.
pub(super) fn v1alpha() -> v1alpha::server_reflection_server::ServerReflectionServer<Reflection> {
    let library = builder().build_v1alpha().expect("the descriptors were compiled in");
    v1alpha::server_reflection_server::ServerReflectionServer::new(Reflection(Library::new(library)))
}

macro_rules! implement {
    ($version:ident) => {
        #[tonic::async_trait]
        impl $version::server_reflection_server::ServerReflection for Reflection {
            type ServerReflectionInfoStream =
                Pin<Box<dyn Stream<Item = Result<$version::ServerReflectionResponse, Status>> + Send>>;

            async fn server_reflection_info(
                &self,
                requests: Request<Streaming<$version::ServerReflectionRequest>>,
            ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
                use $version::{
                    ErrorResponse, ServerReflectionResponse,
                    server_reflection_client::ServerReflectionClient,
                    server_reflection_response::MessageResponse,
                };
                let client = ServerReflectionClient::new(self.0.clone());
                let responses = requests.into_inner().then(move |request| {
                    let mut client = client.clone();
                    async move {
                        let request = request?;
                        let one = tokio_stream::once(request.clone());
                        let response = match client.server_reflection_info(one).await {
                            Ok(response) => response.into_inner().message().await,
                            Err(status) => Err(status),
                        };
                        let error = match response {
                            Ok(Some(response)) => return Ok(response),
                            Ok(None) => tonic::Status::not_found("no response"),
                            Err(status) => status,
                        };
                        Ok(ServerReflectionResponse {
                            valid_host: request.host.clone(),
                            original_request: Some(request),
                            message_response: Some(MessageResponse::ErrorResponse(ErrorResponse {
                                error_code: error.code().into(),
                                error_message: error.message().to_owned(),
                            })),
                        })
                    }
                });
                Ok(Response::new(Box::pin(responses)))
            }
        }
    };
}

implement!(v1);
implement!(v1alpha);
