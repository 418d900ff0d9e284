use super::*;
use kms_core::{SeededEntropy, Timestamp};
use kms_srv::{DomainName, Registration, ServiceName, UpdatePlan};
use tokio::net::TcpListener;

/// Takes everything and says nothing.
async fn mute() -> (SocketAddr, UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = tcp.local_addr().unwrap();
        if let Ok(udp) = UdpSocket::bind(address).await {
            return (address, udp, tcp);
        }
    }
}

fn make() -> impl FnMut() -> Result<Update, UpdateError> {
    let domain: DomainName = "contoso.test".parse().unwrap();
    let host = "kms1.contoso.test".parse().unwrap();
    let registration = Registration::new(&ServiceName::default(), &domain, host).unwrap();
    let plan = UpdatePlan::withdraw(&registration);
    let mut entropy = SeededEntropy::new(1);
    move || Update::of_plan(&plan, None, &mut entropy, Timestamp::EPOCH)
}

#[tokio::test(start_paused = true)]
async fn limit_10_seconds_for_one_silent_address_and_for_many() {
    let (address, _udp, _tcp) = mute().await;
    for addresses in [1, 2, 16] {
        for transport in [DnsTransport::Auto, DnsTransport::Tcp] {
            let begun = Instant::now();
            let servers = vec![address; addresses];
            let outcome = send(&servers, transport, make()).await;
            assert_eq!(outcome, Outcome::Unknown(StatusCode::TIMEOUT));
            let took = begun.elapsed();
            assert!(
                took <= DEADLINE + Duration::from_millis(20),
                "{addresses}: {took:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_update_that_cannot_be_made_is_told_and_tried_nowhere_else() {
    let (address, udp, _tcp) = mute().await;
    for (error, code) in [
        (UpdateError::Clock, StatusCode::DNS_BADTIME),
        (UpdateError::Message, StatusCode::DNS_RESPONSE_CODES_BASE),
    ] {
        let mut made = 0;
        let make = || {
            made += 1;
            Err(error)
        };
        let outcome = send(&[address; 3], DnsTransport::Auto, make).await;
        assert_eq!((outcome, made), (Outcome::Unknown(code), 1));
    }
    assert!(udp.try_recv(&mut [0; 9]).is_err());
    let nobody = send(&[], DnsTransport::Auto, make()).await;
    assert_eq!(nobody.code(), StatusCode::DNS_SERVER_FAILURE);
}

#[test]
fn an_answer_is_cut_short_when_it_says_so_and_answers_this_update() {
    let update = [7, 8, 0x28, 0];
    for (answer, wanted) in [
        (&[7, 8, 0xaa, 0][..], true),
        (&[7, 8, 0xaa][..], true),
        (&[7, 8, 0xa8, 0][..], false),
        (&[7, 8, 0x2a, 0][..], false),
        (&[7, 9, 0xaa, 0][..], false),
        (&[7, 8][..], false),
        (&[][..], false),
    ] {
        assert_eq!(is_cut_short(answer, &update), wanted, "{answer:?}");
    }
}
